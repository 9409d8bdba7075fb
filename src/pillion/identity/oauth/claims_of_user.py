"""What a client may know of a user, by scope (OpenID Connect Core, section 5.4)."""

from typing import Any

from allauth.account.models import EmailAddress

from pillion.identity.models import User
from pillion.identity.oauth import scopes


def of(user: User, scope: str) -> dict[str, Any]:
    """Give the claims of an ID token and of the user info, `sub` among them."""
    granted = set(scope.split())
    found: dict[str, Any] = {"sub": str(user.id)}
    if scopes.EMAIL in granted:
        proven = EmailAddress.objects.filter(user=user, email=user.email, verified=True)
        found |= {"email": user.email, "email_verified": proven.exists()}
    if scopes.ROLES in granted:
        found["roles"] = list(user.roles)
    return found
