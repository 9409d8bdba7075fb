"""`/account`: who you are, and the way to what you can change."""

from typing import Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity.models import User
from pillion.identity.views.only import only
from pillion.identity.views.whose import signed_in
from pillion.identity.visit import session_of


class Section(NamedTuple):
    """A page below `/account`, as the account page leads to it."""

    path: str
    title: str
    about: str


# In this order.
SECTIONS: Final[tuple[Section, ...]] = ()


@only("GET")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """Show the account of the session's user; without a session, lead to the sign-in page."""
    context = {
        "user": user,
        "session": session_of(request).row,
        "mesh": settings.PILLION.mesh,
        "sections": SECTIONS,
    }
    return render(request, "pillion/account.html", context)
