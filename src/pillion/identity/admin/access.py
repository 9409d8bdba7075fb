"""Who may use the admin: operators see and change, auditors see. To everybody else it is not there."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from pillion.identity.flows.acting import acting
from pillion.identity.flows.confirm import require_recent
from pillion.identity.models import User
from pillion.identity.refusal import Refusal, malformed
from pillion.identity.views.whose import CONFIRM_PATH, lead
from pillion.identity.visit import row_of
from pillion.vocabulary import AUDITOR_ROLE, OPERATOR_ROLE, SIGN_IN_PATH, STEP_UP_PATH

AdminView = Callable[..., HttpResponse]


def may_see(user: object) -> bool:
    """Tell whether somebody has a role that opens the admin."""
    return isinstance(user, User) and bool({OPERATOR_ROLE, AUDITOR_ROLE} & set(user.roles))


def may_change(user: object) -> bool:
    """Tell whether somebody has the role that changes things there."""
    return isinstance(user, User) and OPERATOR_ROLE in user.roles


def guarded(view: AdminView) -> AdminView:
    """Let in who has the role, and has shown a second factor in this session; others are led to where they can.

    Whoever changes something has proven lately, too, who they are. What a page posted is not kept then: the person
    finds the page again. Raises Refusal (403) for an auditor who posts, Http404 for everybody without a role.
    """

    @wraps(view)
    def checked(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
        user = request.user
        if not isinstance(user, User):
            return lead(SIGN_IN_PATH, next=request.get_full_path())
        if not may_see(user):
            raise Http404
        row = row_of(request)
        if row is None or "mfa" not in row.amr:
            return lead(STEP_UP_PATH, next=request.get_full_path())
        if any("\0" in text for name, texts in request.GET.lists() for text in (name, *texts)):
            raise malformed("The address holds a NUL.")
        if request.method in {"GET", "HEAD"}:
            return view(request, *arguments, **options)
        if not may_change(user):
            raise Refusal(HTTPStatus.FORBIDDEN, "auditor", "An auditor changes nothing.")
        try:
            require_recent(request, user)
        except Refusal:
            return lead(CONFIRM_PATH, next=request.path)
        with acting(request, user):
            return view(request, *arguments, **options)

    return checked
