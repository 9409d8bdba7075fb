"""The links in mails: each is signed, says what it is for, expires, and works once.

That none works twice needs no table: each is bound to what it changes, the address or the password.
"""

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import url_str_to_user_pk, user_pk_to_url_str
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.crypto import salted_hmac

from pillion.identity import sql
from pillion.identity.models import User
from pillion.identity.refusal import Refusal

PROVE_LIFETIME: Final = timedelta(days=1)
_PROVE: Final = "pillion.identity.links: an address is proven"
_PASSWORD: Final = "pillion.identity.links: as long as the password is the same"  # noqa: S105
_LONGEST: Final = 1024
# Likewise, of `u.email` of the user `u`, within another query.
PROVEN_OF_U: Final = (
    f"EXISTS (SELECT 1 FROM {sql.table(EmailAddress)} e "  # noqa: S608 - constants
    "WHERE e.user_id = u.id AND e.email = u.email AND e.verified)"
)
_PROVEN: Final = f"SELECT 1 FROM {sql.table(EmailAddress)} WHERE user_id = %s AND email = %s AND verified"  # noqa: S608 - constants


@dataclass(frozen=True)
class Proof:
    """Somebody reads the mail that goes to `address`, which is to be the address of `user`."""

    user: User
    address: str


def to_prove(user: User, address: str) -> str:
    """Make the key of a link by which `address` becomes, or is shown to be, the user's.

    It is dead when the user has another address, or another password: the owner's way out of a change that
    somebody else has begun.
    """
    return signing.dumps([user.id.hex, user.email, address, _fingerprint(user)], salt=_PROVE)


def proof(key: str) -> Proof:
    """Read a key that `to_prove` made; raises Refusal (410) for one that is used up, too old or no key at all."""
    try:
        hexadecimal, before, address, fingerprint = signing.loads(
            key[:_LONGEST], salt=_PROVE, max_age=PROVE_LIFETIME
        )
    except (signing.BadSignature, ValueError):
        raise dead() from None
    user = User.objects.filter(id=UUID(hexadecimal), is_active=True).first()
    if user is None or user.email != before or _fingerprint(user) != fingerprint:
        raise dead()
    if address == user.email and is_proven(user):
        raise dead()
    return Proof(user, address)


def to_reset(user: User) -> str:
    """Make the key of a link by which the user's password can be set, for half an hour."""
    return f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"


def reset(key: str) -> User:
    """Give the user whose password the key may set; raises Refusal (410)."""
    pk, _, token = key[:_LONGEST].partition("-")
    try:
        user = User.objects.filter(id=url_str_to_user_pk(pk), is_active=True).first()
    except (ValueError, TypeError, OverflowError, ValidationError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise dead()
    return user


def hold(user: User) -> None:
    """Let nobody else change the user before this transaction ends; if they are gone, their keys are dead."""
    User.objects.select_for_update().filter(id=user.id).first()


def is_proven(user: User) -> bool:
    """Tell whether the user's address is known to be theirs."""
    return bool(sql.scalar(_PROVEN, sql.stored(User, "id", user.id), user.email))


def taken(address: str, user: User) -> bool:
    """Tell whether an account other than the user's has the address."""
    return User.objects.filter(email=address).exclude(id=user.id).exists()


def dead() -> Refusal:
    """Refuse a link that leads nowhere any more."""
    return Refusal(
        HTTPStatus.GONE, "link-expired", "This link has been used, or it is too old. Ask for another one."
    )


def _fingerprint(user: User) -> Any:
    return salted_hmac(_PASSWORD, user.password, algorithm="sha256").hexdigest()[:16]
