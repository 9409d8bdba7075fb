"""What follows a sign-in, however it came about: who it is, and their first token."""

from dataclasses import dataclass

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


def signed_in(request: HttpRequest) -> SignedIn:
    """Give the first token of the session that was just opened and saved."""
    user = request.user
    row = session_of(request).row
    if not isinstance(user, User) or row is None or row.user_id != user.id:
        raise RuntimeError("nobody has signed in")
    return SignedIn(user, issue.token(user, row))
