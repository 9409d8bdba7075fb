"""Who may use the admin: operators see and change, auditors see. To everybody else it is not there."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict

from pillion.identity import body
from pillion.identity.flows.acting import acting
from pillion.identity.flows.confirm import require_recent
from pillion.identity.models import User
from pillion.identity.refusal import Refusal, malformed
from pillion.identity.views.whose import CONFIRM_PATH, lead
from pillion.identity.visit import row_of
from pillion.vocabulary import AUDITOR_ROLE, OPERATOR_ROLE, SIGN_IN_PATH, STEP_UP_PATH

AdminView = Callable[..., HttpResponse]

_METHODS: Final = ("GET", "HEAD", "POST")


def may_see(user: object) -> bool:
    """Tell whether somebody has a role that opens the admin."""
    return isinstance(user, User) and bool({OPERATOR_ROLE, AUDITOR_ROLE} & set(user.roles))


def may_change(user: object) -> bool:
    """Tell whether somebody has the role that changes things there."""
    return isinstance(user, User) and OPERATOR_ROLE in user.roles


def is_operator_still(user: object) -> bool:
    """Look once more, in the database, whether somebody may change things."""
    return isinstance(user, User) and may_change(User.objects.filter(pk=user.pk, is_active=True).first())


def guarded(view: AdminView) -> AdminView:
    """Let in who has the role, and has shown a second factor in this session; others are led to where they can.

    Whoever changes something has proven lately, too, who they are. What a page posted is not kept then: the person
    finds the page again. Raises Refusal (403) for an auditor who posts, Http404 for everybody without a role.
    """

    @wraps(view)
    def checked(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
        _refuse_other_sites(request)
        user = request.user
        if not isinstance(user, User):
            return lead(SIGN_IN_PATH, next=request.get_full_path())
        if not user.is_active or not may_see(user):
            raise Http404
        row = row_of(request)
        if row is None or "mfa" not in row.amr:
            return lead(STEP_UP_PATH, next=request.get_full_path())
        if "\0" in request.path or _holds_nul(request.GET):
            raise malformed("The address holds a NUL.")
        if request.method != "POST":
            return _asked(view)(request, *arguments, **options)
        if not may_change(user):
            raise Refusal(HTTPStatus.FORBIDDEN, "auditor", "An auditor changes nothing.")
        try:
            require_recent(request, user)
        except Refusal:
            return lead(CONFIRM_PATH, next=request.path)
        _require_form(request)
        with acting(request, user):
            return _asked(view)(request, *arguments, **options)

    return checked


def _asked(view: AdminView) -> AdminView:
    """Refuse, with 400, what Django finds no value for a field only while it looks for the rows."""

    def asked(request: HttpRequest, *arguments: Any, **options: Any) -> HttpResponse:
        try:
            return view(request, *arguments, **options)
        except (ValidationError, DataError):
            raise malformed("There is no such row, or no such filter.") from None

    return asked


def _refuse_other_sites(request: HttpRequest) -> None:
    """Keep out the scripts of other origins, also of those in `edge.allow_origins`, which may read other pages.

    A link elsewhere may lead here: that is a page of its own, which nobody but the person sees. Raises Refusal.
    """
    if request.method not in _METHODS:
        allow = {"Allow": ", ".join(_METHODS)}
        raise Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Use GET or POST here.", headers=allow
        )
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    foreign = origin is not None and origin != settings.PILLION.origin
    elsewhere = site not in {None, "same-origin", "none"}
    if foreign or (
        elsewhere and (request.method == "POST" or request.headers.get("Sec-Fetch-Mode") != "navigate")
    ):
        raise Refusal(
            HTTPStatus.FORBIDDEN, "cross-origin-request", "Another site sent this; it was not done."
        )


def _require_form(request: HttpRequest) -> None:
    """Raise Refusal for a body that is no form in UTF-8, or holds a NUL, which no database takes."""
    charset = (request.content_params or {}).get("charset", "utf-8").lower()
    if request.content_type != body.FORM or charset not in {"utf-8", "utf8"}:
        said = f"Send {body.FORM}, in UTF-8."
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", said)
    if _holds_nul(request.POST):
        raise malformed("The form holds a NUL.")


def _holds_nul(given: QueryDict) -> bool:
    return any("\0" in text for name, texts in given.lists() for text in (name, *texts))
