"""Who is it, by an email address and a password: Django's authentication backend.

How long a check takes must not tell whether there is an account. With one kind of hash that is easy, with hashes
that came from elsewhere it is not: bcrypt may take ten times as long as ours. So for an address without an account
the password is held against the hash of some account, always the same one for that address: unknown addresses take
as long as accounts do, in the same proportions, whatever the accounts' hashes are, and while these are made anew.
"""

import hashlib
import uuid
from typing import Any, Final

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest

from pillion.identity.models import User
from pillion.identity.sql import Joined, stored, table
from pillion.identity.users_service.sign_in import find_user

_LATER: Final = f"SELECT password FROM {table(User)} WHERE id >= %s ORDER BY id LIMIT 1"  # noqa: S608 - constants
_FIRST: Final = f"SELECT password FROM {table(User)} ORDER BY id LIMIT 1"  # noqa: S608 - as above
# Asked with the place of the stand-in, and the address. A row comes whether there is such an account or not.
_BY_EMAIL: Final = Joined(
    f"FROM (SELECT 1) one LEFT JOIN {table(User)} u ON u.email = %s",
    also=(f"COALESCE(({_LATER}), ({_FIRST}))",),
    u=(
        User,
        (
            "id",
            "email",
            "password",
            "is_active",
            "service_id",
        ),
    ),
)


class Backend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's, but for how a user is found."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:  # noqa: ARG002 - Django's
        """Find the user of an address and a password; None if there is none, or they do not fit.

        Where a users service knows the passwords it alone is asked, and no password that is kept here counts.
        """
        return find(str(credentials.get("email") or ""), str(credentials.get("password") or ""))


def find(email: str, password: str) -> User | None:
    """Find the active user of an address, in its normal form, and a password; None if there is none.

    It takes as long as holding a password against a hash, unless one of the two is empty. Raises UsersUnavailable.
    """
    if not email or not password:
        return None
    if settings.PILLION.users is not None:
        user = find_user(settings.PILLION.users, email, password)
        return user if user is not None and user.is_active else None
    # The stand-in is looked for whether it will be needed or not. There is always a row.
    user, stand_in = _BY_EMAIL.first(_place(email), email) or (None, None)
    if user is None:
        spend_the_same_time(password, stand_in)
        return None
    return user if user.check_password(password) and user.is_active else None


def spend_the_same_time(password: str, stand_in: str | None = None) -> None:
    """Work on a password that fits nobody as on one that is held against a hash; by default one of our own."""
    if stand_in is None:
        make_password(password)
    else:
        check_password(password, stand_in)


def _place(email: str) -> Any:
    """Say where the stand-in is looked for: the hash of the account that comes next, or else of the first.

    Nobody can foresee which that is, and it is the same at each try. Ids are random: every account is as likely.
    """
    key = settings.SECRET_KEY.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
    place = hashlib.blake2b(email.encode(), digest_size=16, key=key, person=b"stand-in")
    return stored(User, "id", uuid.UUID(bytes=place.digest()))
