"""What follows a sign-in, however it came about: who it is, and their first token."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from pillion.identity import caller, issue, metrics
from pillion.identity.models import User
from pillion.identity.sql import stored, table, update
from pillion.identity.visit import session_of

_NOTE_SIGN_IN: Final = f"UPDATE {table(User)} SET last_login = %s WHERE id = %s"  # noqa: S608 - constants


class SignedIn(NamedTuple):
    """A user who has just signed in, and the token for their browser."""

    user: User
    token: str

    def document(self) -> dict[str, object]:
        """Give what the caller is told."""
        return {"user": {"sub": str(self.user.id), "email": self.user.email, "roles": list(self.user.roles)}}


def begin(request: HttpRequest) -> None:
    """Begin a session for somebody who is about to sign in; whoever held this browser's before: it ends here."""
    request.session.flush()
    request.user = AnonymousUser()  # Django may have looked up already who it was
    describe(request)


def describe(request: HttpRequest) -> None:
    """Note in the session from where it was opened."""
    session_of(request).address = caller.address(request)
    session_of(request).user_agent = request.META.get("HTTP_USER_AGENT", "Unspecified")


def enter(request: HttpRequest, user: User) -> None:
    """Make the session that has begun the user's, as Django's `login` does; call in a transaction."""
    request.session.update(
        {
            SESSION_KEY: str(user.id),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        }
    )
    request.user = user
    update(_NOTE_SIGN_IN, stored(User, "last_login", datetime.now(UTC)), stored(User, "id", user.id))


def signed_in(request: HttpRequest, known: issue.Known | None = None) -> SignedIn:
    """Give the first token of the session that was just opened and saved; `known`, if it was looked up already."""
    user = request.user
    row = session_of(request).row
    if not isinstance(user, User) or row is None or row.user_id != user.id:
        raise RuntimeError("nobody has signed in")
    metrics.SIGN_INS.inc()
    return SignedIn(user, issue.token(user, row, known))
