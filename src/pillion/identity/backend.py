"""Who is it, by an email address and a password: Django's authentication backend.

How long a check takes must not tell whether there is an account. With one kind of hash that is easy, with hashes
that came from elsewhere it is not: bcrypt may take ten times as long as ours. So for an address without an account
the password is held against the hash of some account, always the same one for that address: unknown addresses take
as long as accounts do, in the same proportions, whatever the accounts' hashes are, and while these are made anew.
"""

import hashlib
import hmac
import uuid
from typing import Any, Final

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.http import HttpRequest

from pillion.identity.config import Users
from pillion.identity.models import User
from pillion.identity.sql import Joined, scalar, stored, table
from pillion.identity.users_service.sign_in import find_user

_BY_EMAIL: Final = Joined(
    f"FROM {table(User)} u WHERE u.email = %s",
    u=(
        User,
        (
            "id",
            "email",
            "password",
            "roles",
            "is_active",
            "service_id",
            "date_joined",
            "last_login",
        ),
    ),
)
_FROM_HERE: Final = f"SELECT password FROM {table(User)} WHERE id >= %s ORDER BY id LIMIT 1"  # noqa: S608 - constants
_FIRST: Final = f"SELECT password FROM {table(User)} ORDER BY id LIMIT 1"  # noqa: S608 - as above


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's, but for what an unknown address costs."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Find the user of an address and a password; None if there is none, or they do not fit.

        Where a users service knows the passwords it alone is asked, and no password that is kept here counts.
        """
        if settings.PILLION.users is not None:
            known = _of_service(settings.PILLION.users, **credentials)
            return known if known is not None and self.user_can_authenticate(known) else None
        # Looked for whether it will be needed or not.
        self._stand_in = _stand_in(str(credentials.get("email") or ""))
        user: User | None = super().authenticate(request, **credentials)
        return user

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        """Look for the one user of an address in its normal form; allauth would hash for each of several."""
        found = _BY_EMAIL.first(email) if email else None
        user: User | None = self._check_password(found[0] if found else None, password)
        return user

    def _mitigate_timing_attack(self, password: str) -> None:
        if self._stand_in is None:
            super()._mitigate_timing_attack(password)
        else:
            check_password(password, self._stand_in)


def _of_service(users: Users, email: str = "", password: str = "", **_: Any) -> User | None:
    return find_user(users, email, password) if email and password else None


def _stand_in(email: str) -> str | None:
    """Give the hash of an account that nobody can foresee, the same at each try; None if there are no accounts.

    Ids are random, and so every account is as likely.
    """
    place = hmac.digest(settings.SECRET_KEY.encode(), b"stand-in " + email.encode(), hashlib.sha256)[:16]
    later: str | None = scalar(_FROM_HERE, stored(User, "id", uuid.UUID(bytes=place)))
    return scalar(_FIRST) if later is None else later
