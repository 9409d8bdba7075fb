"""Sessions from the command line: listed and revoked, and the Envoys waited for.

Call `pillion.identity.setup(config)` first, as for `accounts`.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from pillion.identity import acknowledged, changes, email_address, sessions
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.acknowledged import Spread
from pillion.identity.models import Revocation, Session, User
from pillion.identity.oauth import grant_sessions

T = TypeVar("T")

# How long Envoys that are connected may take to acknowledge, in seconds.
PATIENCE: Final = 5.0


@dataclass(frozen=True)
class LiveSession:
    """A session that is alive, as an operator sees it."""

    sid: str
    email: str
    client_id: str
    amr: tuple[str, ...]
    created: datetime
    last_used: datetime
    expires: datetime
    address: str
    user_agent: str

    def document(self) -> dict[str, Any]:
        """Give the session as JSON has it; times in ISO 8601, UTC."""
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        } | {"amr": list(self.amr)}


def list_sessions(email: str | None = None) -> list[LiveSession]:
    """Give the sessions that are alive, of one account or of all, the latest first; raises AccountError.

    A client that acts for itself has one, too, without an account.
    """
    now = timezone.now()
    if email is None:
        of_clients = Q(sid__in=grant_sessions.live_grants(now).filter(session__user=None).values("session"))
        found = Session.objects.filter(sessions.live(now)).filter(Q(user__is_active=True) | of_clients)
    else:
        found = sessions.live_of_users(now).filter(user=_user(email))
    return [_session(row) for row in found.select_related("user").order_by("-created_at", "sid")]


def revoke_session(sid: str) -> int:
    """Revoke one session; gives how many that were: none if it was revoked before.

    Raises InvalidAccountError for what is no id of a session, AccountError where there is none.
    """
    try:
        wanted = uuid.UUID(sid)
    except ValueError:
        raise InvalidAccountError(
            f"'{sid}' is no id of a session: 'pillion session list' shows them, and the audit log's 'sid'"
        ) from None
    found = Session.objects.filter(sid=wanted).exclude(user=None, client_id=sessions.EDGE_CLIENT)
    if not found.exists():
        raise AccountError(f"no session has the id {wanted}")
    return _revoke(found, str(wanted))


def revoke_sessions_of(email: str) -> int:
    """Revoke all sessions of an account; gives how many there were. Raises AccountError."""
    user = _user(email)
    return _revoke(Session.objects.filter(user=user), user.email)


def revoked_before(sid: str | None, email: str | None) -> Spread | None:
    """Wait until the connected Envoys refuse what was revoked before of one session, or of an account.

    None if no token of it can be alive. So an order that has not reached every Envoy may be given again.
    """
    mine = Session.objects.filter(sid=sid) if sid else Session.objects.filter(user=_user(email or ""))
    numbers = Revocation.objects.filter(sid__in=mine.values("sid"), until__gt=timezone.now().timestamp())
    latest = numbers.order_by("-id").values_list("id", flat=True).first()
    return None if latest is None else acknowledged.wait(acknowledged.revocation(latest), PATIENCE)


def until_refused(change: Callable[[], T]) -> tuple[T, Spread | None]:
    """Do what revokes sessions, and wait until the connected Envoys refuse their tokens.

    None in place of the spread if no token was alive that anybody would have to refuse.
    """
    began, before = time.monotonic(), _latest()
    done = change()
    number = _latest()
    if number == before:
        return done, None
    spread = acknowledged.wait(acknowledged.revocation(number), PATIENCE)
    return done, replace(spread, seconds=time.monotonic() - began)


def _revoke(found: QuerySet[Session], whom: str) -> int:
    with transaction.atomic():
        revoked = sessions.revoke(found, timezone.now())
        if revoked:
            changes.record("session.revoked", whom, count=revoked)
    return revoked


def _latest() -> int:
    return Revocation.objects.order_by("-id").values_list("id", flat=True).first() or 0


def _user(email: str) -> User:
    address = email_address.normal(email)
    user = User.objects.filter(email=address).first()
    if user is None:
        raise AccountError(f"there is no account for {address}")
    return user


def _session(row: Session) -> LiveSession:
    return LiveSession(
        sid=str(row.sid),
        email=row.user.email if row.user else "",
        client_id=row.client_id,
        amr=tuple(row.amr),
        created=row.created_at,
        last_used=row.last_used_at,
        expires=row.expires_at,
        address=row.address,
        user_agent=row.user_agent,
    )
