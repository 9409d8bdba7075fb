"""What a client may know of a user, by scope (OpenID Connect Core, section 5.4)."""

from typing import Any

from pillion.identity.models import User
from pillion.identity.oauth import scopes


def of(user: User, scope: str, *, proven: bool) -> dict[str, Any]:
    """Give the claims of an ID token and of the user info, with `sub`; `proven` is what `links.is_proven` says."""
    granted = set(scope.split())
    found: dict[str, Any] = {"sub": str(user.id)}
    if scopes.EMAIL in granted:
        # One that is not known to be theirs is not told: many a program believes it, whatever stands beside it.
        found |= {"email": user.email, "email_verified": True} if proven else {"email_verified": False}
    if scopes.ROLES in granted:
        found["roles"] = list(user.roles)
    return found
