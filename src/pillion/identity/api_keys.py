"""API keys: made for a program of somebody's own, listed, revoked; from the command line and the account page.

From the command line call `pillion.identity.setup(config)` first, as for `accounts`.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from pillion.identity import changes, email_address, sessions
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import ApiKey, Session, User

DEFAULT_LIFETIME: Final = timedelta(days=90)
LONGEST_LIFETIME: Final = timedelta(days=366)
LONGEST_NAME: Final = 100
# A person who has so many does not know them apart any more.
MOST_KEYS: Final = 50
# So much of a key is shown later on, its prefix and 24 bits: enough to know it by, too little to guess the rest.
_HINT: Final = 8
# RFC 6749, section 3.3.
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,100}")
_MOST_SCOPES: Final = 20
# They travel in every token.
_MOST_SCOPE_CHARACTERS: Final = 800


class InvalidApiKeyError(InvalidAccountError):
    """What the key is to be cannot be; `field` is `name`, `scope` or `expires`, whichever is wrong."""

    def __init__(self, field: str, said: str) -> None:
        super().__init__(said)
        self.field = field


@dataclass(frozen=True)
class Made:
    """A key that was just made; `secret` is the key itself, which nobody can be shown again."""

    id: str
    secret: str
    expires: datetime

    def __repr__(self) -> str:
        return f"Made(id={self.id!r})"

    def document(self) -> dict[str, str]:
        """Give the key as JSON has it, the one time; times in ISO 8601, UTC."""
        return {"id": self.id, "key": self.secret, "expires": self.expires.astimezone(UTC).isoformat()}


@dataclass(frozen=True)
class Key:
    """A key, as its owner sees it. `used` is when it was used last, to the minute; None if it never was."""

    id: str
    email: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime
    used: datetime | None

    def document(self) -> dict[str, Any]:
        """Give the key as JSON has it; times in ISO 8601, UTC."""
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        } | {"scopes": list(self.scopes)}


def make(
    email: str, name: str, *, scopes: Iterable[str] = (), lifetime: timedelta = DEFAULT_LIFETIME
) -> Made:
    """Make a key for an account; raises InvalidApiKeyError, or AccountError.

    Its tokens say who its owner is, and that the owner was not there (`amr` is empty). `scopes` are for the
    services to look at; without any, they say what a browser's tokens say.
    """
    wanted = _checked(name, tuple(scopes), lifetime)
    now = timezone.now()
    secret = sessions.new_api_key()
    with transaction.atomic():
        owner = User.objects.select_for_update().filter(email=email_address.normal(email)).first()
        if owner is None or not owner.is_active:
            raise AccountError(f"there is no account for {email_address.normal(email)}, or it is disabled")
        if _living(now).filter(session__user=owner).count() >= MOST_KEYS:
            raise AccountError(
                f"{owner.email} has {MOST_KEYS} API keys: revoke one that is not used any more"
            )
        session = Session.objects.create(
            key_hash=sessions.hash_of_api_key(secret) or "",
            user=owner,
            created_at=now,
            expires_at=now + lifetime,
            last_used_at=now,
            auth_time=now,
            client_id=sessions.API_KEY_CLIENT,
            scope=" ".join(wanted),
        )
        key = ApiKey.objects.create(session=session, name=name.strip(), hint=secret[:_HINT])
        changes.record("api-key.made", owner.email, id=str(session.sid), name=key.name, scopes=wanted)
    return Made(str(session.sid), secret, session.expires_at)


def list_keys(email: str | None = None) -> list[Key]:
    """Give the keys that are alive, of one account or of all, the latest first; raises AccountError."""
    found = _living(timezone.now())
    if email is not None:
        address = email_address.normal(email)
        if not User.objects.filter(email=address).exists():
            raise AccountError(f"there is no account for {address}")
        found = found.filter(session__user__email=address)
    return [_key(row) for row in found.order_by("-session__created_at", "session")]


def revoke(key: str, *, owner: str | None = None) -> int:
    """Revoke a key, by its id or by itself, and the tokens that it brought; gives how many that were: 0 or 1.

    With `owner` (an address), only one of theirs. Raises AccountError if there is none that lives.
    """
    found = _living(timezone.now())
    if owner is not None:
        found = found.filter(session__user__email=email_address.normal(owner))
    key_hash = sessions.hash_of_api_key(key)
    named = Q(session__key_hash=key_hash) if key_hash else Q(session=_id(key))
    row = found.filter(named).first()
    if row is None:
        raise AccountError("there is no such API key, or it is revoked or expired: 'pillion api-key list'")
    with transaction.atomic():
        revoked = sessions.revoke(Session.objects.filter(sid=row.session_id), timezone.now())
        if revoked:
            changes.record(
                "api-key.revoked", row.session.user.email if row.session.user else "", id=str(row.session_id)
            )
    return revoked


def _checked(name: str, scopes: tuple[str, ...], lifetime: timedelta) -> list[str]:
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidApiKeyError(
            "name", f"an API key has a name of 1 to {LONGEST_NAME} characters, such as 'backup'"
        )
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise InvalidApiKeyError(
                "scope",
                f"{scope!r} is no scope: use letters, digits and signs, without a blank, such as 'orders:read'",
            )
    if len(scopes) > _MOST_SCOPES or sum(map(len, scopes)) > _MOST_SCOPE_CHARACTERS:
        raise InvalidApiKeyError(
            "scope",
            f"these are too many scopes: {_MOST_SCOPES}, with {_MOST_SCOPE_CHARACTERS} characters in all, fit",
        )
    if not timedelta(minutes=1) <= lifetime <= LONGEST_LIFETIME:
        raise InvalidApiKeyError(
            "expires", f"an API key lives for a minute at least and {LONGEST_LIFETIME.days} days at most"
        )
    return sorted(set(scopes))


def _living(now: datetime) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(
        session__revoked_at__isnull=True, session__expires_at__gt=now, session__user__isnull=False
    ).select_related("session__user")


def _id(written: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(written)
    except ValueError:
        return None


def _key(row: ApiKey) -> Key:
    session = row.session
    return Key(
        id=str(session.sid),
        email=session.user.email if session.user else "",
        name=row.name,
        hint=row.hint,
        scopes=tuple(session.scope.split()),
        created=session.created_at,
        expires=session.expires_at,
        used=session.last_used_at if session.last_used_at > session.created_at else None,
    )
