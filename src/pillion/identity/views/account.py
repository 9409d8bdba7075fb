"""`/account`: who you are, and the way to what you can change."""

from typing import Final, NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import links, provider_links
from pillion.identity.admin.access import may_see
from pillion.identity.models import User
from pillion.identity.views.only import only
from pillion.identity.views.whose import signed_in
from pillion.identity.visit import session_of

ADMIN_PATH: Final = "/pillion/admin/"


class Section(NamedTuple):
    """A page below `/account`, as the account page leads to it."""

    path: str
    title: str
    about: str


# In this order.
SECTIONS: Final = (
    Section("/account/password", "Password", "Choose another one."),
    Section("/account/security", "Second factors", "Passkeys, codes of an app, recovery codes."),
    Section("/account/providers", "Other ways to sign in", "Google and the like, in place of a password."),
    Section("/account/email", "Address", "Have mail go to another one."),
    Section("/account/sessions", "Sessions", "Where you are signed in, and how to end that."),
    Section("/account/api-keys", "API keys", "For programs of yours that cannot sign in."),
    Section("/account/delete", "Delete the account", "For good."),
)
_BY_MAIL: Final = frozenset({"/account/email"})
_LINKED: Final = frozenset({"/account/providers"})
# What is not for a users service's people.
_KEPT_HERE: Final = frozenset({"/account/password", "/account/email", "/account/delete"})


@only("GET")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """Show the account of the session's user; without a session, lead to the sign-in page."""
    context = {
        "user": user,
        "session": session_of(request).row,
        "mesh": settings.PILLION.mesh,
        "sections": [*_of_operators(user), *(one for one in SECTIONS if one.path not in _absent(user))],
        "proven": links.is_proven(user),
        "sends_mail": settings.PILLION.sends_mail,
    }
    return render(request, "pillion/account.html", context)


def _of_operators(user: User) -> list[Section]:
    return [Section(ADMIN_PATH, "Admin", "Users, sessions, clients and keys.")] if may_see(user) else []


def _absent(user: User) -> frozenset[str]:
    """Name the pages that there are not for this user."""
    providers = settings.PILLION.providers or provider_links.of_user(user)
    unlinked = frozenset() if providers else _LINKED
    if settings.PILLION.users is not None:
        return _KEPT_HERE | unlinked
    return unlinked if settings.PILLION.sends_mail else _BY_MAIL | unlinked
