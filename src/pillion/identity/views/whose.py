"""Whom a view is for: somebody who is signed in, or who has proven lately who they are."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from pillion.identity import answers
from pillion.identity.flows.confirm import require_recent
from pillion.identity.models import User
from pillion.identity.refusal import Refusal, not_signed_in
from pillion.vocabulary import SIGN_IN_PATH

CONFIRM_PATH = "/account/confirm"

View = Callable[[HttpRequest], HttpResponse]
ViewOfUser = Callable[[HttpRequest, User], HttpResponse]


def signed_in(view: ViewOfUser) -> View:
    """Give the view the user of the session; without one, lead to the sign-in page, or refuse a program (401)."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if isinstance(request.user, User):
            return view(request, request.user)
        if not answers.wants_page(request):
            raise not_signed_in("Nobody is signed in.")
        return lead(SIGN_IN_PATH, next=request.get_full_path())

    return checked


def confirmed(view: ViewOfUser) -> View:
    """Ask for more than `signed_in`: who did not prove themselves lately is led to `/account/confirm` and back.

    A program gets 403, `confirm-first`. What a form posted is not kept: the person finds the form again.
    """

    @wraps(view)
    def checked(request: HttpRequest, user: User) -> HttpResponse:
        try:
            require_recent(request, user)
        except Refusal:
            if not answers.wants_page(request):
                raise
            return lead(CONFIRM_PATH, next=request.path)
        return view(request, user)

    return signed_in(checked)


def lead(path: str, **query: str) -> HttpResponse:
    """Send a person on, with GET (RFC 9110, section 15.4.4)."""
    response = HttpResponseRedirect(f"{path}?{urlencode(query)}" if query else path)
    response.status_code = 303
    return response
