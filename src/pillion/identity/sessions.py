"""Sessions in the database: opened, found, used, revoked."""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from pillion.identity.lifetimes import IDLE_LIFETIME, USE_RESOLUTION
from pillion.identity.models import Session, User

# Who asked for a session: a browser at the edge, or an operator at the command line.
EDGE_CLIENT: Final = "edge"
COMMAND_LINE_CLIENT: Final = "pillion-cli"

_KEY_BYTES: Final = 32
_KEY_LENGTH: Final = 43  # 32 bytes in base64url without padding


def new_key() -> str:
    """Make the value of a session cookie: 256 random bits, base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).rstrip(b"=").decode()


def hash_of(key: str) -> str | None:
    """Give what the table knows a cookie's value by; None if the value cannot be one of ours."""
    if len(key) != _KEY_LENGTH or not key.isascii():
        return None
    return hashlib.sha256(key.encode()).hexdigest()


def live(now: datetime) -> Q:
    """Select the sessions that are alive at `now`."""
    return Q(revoked_at__isnull=True, expires_at__gt=now, last_used_at__gt=now - IDLE_LIFETIME)


def live_of_users(now: datetime) -> QuerySet[Session]:
    """Give the sessions that are alive at `now` and belong to a user who may sign in."""
    return Session.objects.filter(live(now), user__is_active=True)


def mark_used(sid: UUID, last_used_at: datetime, now: datetime) -> None:
    """Note that a session was used, at most once a minute."""
    if now - last_used_at >= USE_RESOLUTION:
        Session.objects.filter(sid=sid, revoked_at__isnull=True).update(last_used_at=now)


def revoke(sessions: QuerySet[Session], now: datetime) -> int:
    """Revoke those of `sessions` that are not revoked yet; returns how many. What they held is forgotten."""
    return sessions.filter(revoked_at__isnull=True).update(revoked_at=now, data={})


def open_for(
    user: User, *, client_id: str, lifetime: timedelta, amr: Iterable[str], now: datetime
) -> Session:
    """Open a session that no browser holds: its key is forgotten at once."""
    return Session.objects.create(
        key_hash=hash_of(new_key()) or "",
        user=user,
        created_at=now,
        expires_at=now + lifetime,
        last_used_at=now,
        auth_time=now,
        amr=list(amr),
        client_id=client_id,
    )
