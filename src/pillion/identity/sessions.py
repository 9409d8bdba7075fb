"""Sessions in the database: opened, found, used, revoked."""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from pillion.identity import locks, sql
from pillion.identity.lifetimes import IDLE_LIFETIME, USE_RESOLUTION
from pillion.identity.models import OAuthGrant, Revocation, Session, User
from pillion.vocabulary import API_KEY_PREFIX, LEEWAY_SECONDS

# Who asked for a session: a browser at the edge, an operator at the command line, or a person for a program.
EDGE_CLIENT: Final = "edge"
COMMAND_LINE_CLIENT: Final = "pillion-cli"
API_KEY_CLIENT: Final = "api-key"

# Clocks differ by so much, and a token that was asked for before a revocation may be made a moment after it.
MARGIN_SECONDS: Final = LEEWAY_SECONDS + 5

_BATCH: Final = 500
_LATEST_IF_OTHERS_ARE_DEAD: Final = (
    f"SELECT latest FROM (SELECT MAX(id) AS latest FROM {sql.table(Revocation)}) l "  # noqa: S608 - constants
    f"WHERE EXISTS (SELECT 1 FROM {sql.table(Revocation)} WHERE until < %s AND id < latest)"
)
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


def new_api_key() -> str:
    """Make an API key: its prefix, and 256 random bits."""
    return API_KEY_PREFIX + new_key()


def hash_of_api_key(key: str) -> str | None:
    """Give what the table knows an API key by; None if it cannot be one of ours. No cookie has the same."""
    if (
        len(key) != len(API_KEY_PREFIX) + _KEY_LENGTH
        or not key.isascii()
        or not key.startswith(API_KEY_PREFIX)
    ):
        return None
    return hashlib.sha256(key.encode()).hexdigest()


def live(now: datetime) -> Q:
    """Select the sessions that are alive at `now`.

    A browser's has to be used; a program's holds no cookie that somebody could find, and goes by `expires_at`.
    """
    used = Q(last_used_at__gt=now - IDLE_LIFETIME) | ~Q(client_id=EDGE_CLIENT)
    return Q(revoked_at__isnull=True, expires_at__gt=now) & used


def live_of_users(now: datetime) -> QuerySet[Session]:
    """Give the sessions that are alive at `now` and belong to a user who may sign in."""
    return Session.objects.filter(live(now), user__is_active=True)


def is_visit(key: str, now: datetime) -> bool:
    """Tell whether a cookie's value is of a session alive at `now` that nobody has signed in to."""
    return Session.objects.filter(live(now), auth_time=None, key_hash=hash_of(key)).exists()


def mark_used(sid: UUID, last_used_at: datetime, now: datetime) -> None:
    """Note that a session was used, at most once a minute."""
    if now - last_used_at >= USE_RESOLUTION:
        Session.objects.filter(sid=sid, revoked_at__isnull=True).update(last_used_at=now)


def may_have_token(sid: UUID, tokens_until: int, now: datetime, lifetime: int) -> bool:
    """Note, before a token is made at `now` for `lifetime` seconds, until when the session may have one.

    `tokens_until` is what was noted before. That is written ahead, so that it costs a write a minute and no
    more, and notes the use, too. False if the session was revoked meanwhile: then there must be no token.
    """
    if now.timestamp() + lifetime <= tokens_until:
        return True
    living = Session.objects.filter(sid=sid, revoked_at__isnull=True)
    return bool(living.update(last_used_at=now, tokens_until=last_token(now, lifetime)))


def last_token(now: datetime, lifetime: int) -> int:
    """Say until when, in seconds since the epoch, tokens may live that are made within the next minute."""
    return int((now + USE_RESOLUTION).timestamp()) + lifetime


def revoke(sessions: QuerySet[Session], now: datetime) -> int:
    """Revoke those of `sessions` that are not revoked yet; returns how many. What they held is forgotten.

    What clients were granted by them ends with them. In the same transaction their tokens, where one may still be
    alive, are put on the list that control reads.
    """
    named = sessions.order_by().values("sid")
    granted = OAuthGrant.objects.filter(parent__in=named).values("session")
    with transaction.atomic():
        revoked = _revoke(Session.objects.filter(Q(sid__in=named) | Q(sid__in=granted)), now)
        # Granted since: whoever opens one holds its parent's row, and so has done it, or finds that revoked.
        since = OAuthGrant.objects.filter(parent__revoked_at=now).values("session")
        return revoked + _revoke(Session.objects.filter(sid__in=since), now)


def _revoke(sessions: QuerySet[Session], now: datetime) -> int:
    # Locked, so that no renewal notes a later token between the look and the change; in one order, so that two
    # who revoke do not wait for each other.
    living = sessions.filter(revoked_at__isnull=True).select_for_update(of=("self",)).order_by("sid")
    found = dict(living.values_list("sid", "tokens_until"))
    dying = [
        Revocation(sid=sid, until=until + MARGIN_SECONDS)
        for sid, until in found.items()
        if until + MARGIN_SECONDS > now.timestamp()
    ]
    # Those that were found, and no other that was opened since: it would be revoked and not on the list.
    sids = list(found)
    for first in range(0, len(sids), _BATCH):
        some = Session.objects.filter(sid__in=sids[first : first + _BATCH])
        some.update(revoked_at=now, data={})
    if dying:
        # Numbers are to be seen in their order: an Envoy that has acknowledged one has all before it.
        locks.hold(locks.REVOCATIONS)
        Revocation.objects.bulk_create(dying, batch_size=_BATCH)
    return len(found)


def forget_revocations(now: datetime) -> None:
    """Remove the revocations whose last token is dead, but for the latest: its number is the highest yet."""
    second = int(now.timestamp())
    latest = sql.scalar(_LATEST_IF_OTHERS_ARE_DEAD, second)
    if latest is not None:  # a look costs nothing; a write waits its turn
        Revocation.objects.filter(until__lt=second, id__lt=latest).delete()


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
        tokens_until=int((now + lifetime).timestamp()) + 1,
        auth_time=now,
        amr=list(amr),
        client_id=client_id,
    )
