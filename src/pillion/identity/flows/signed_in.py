"""What follows a sign-in, however it came about: who it is, and their first token."""

from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from pillion.identity import issue
from pillion.identity.models import User
from pillion.identity.visit import session_of


@dataclass(frozen=True)
class SignedIn:
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
    adapter = get_adapter(request)
    session_of(request).address = adapter.get_client_ip(request)
    session_of(request).user_agent = adapter.get_http_user_agent(request)


def signed_in(request: HttpRequest) -> SignedIn:
    """Give the first token of the session that was just opened and saved."""
    user = request.user
    row = session_of(request).row
    if not isinstance(user, User) or row is None or row.user_id != user.id:
        raise RuntimeError("nobody has signed in")
    return SignedIn(user, issue.token(user, row))
