"""The sessions of one's own account: what is signed in where, and ending it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import changes, device, sessions
from pillion.identity.flows.acting import acting
from pillion.identity.models import Session, User
from pillion.identity.refusal import Refusal
from pillion.identity.visit import session_of

FIELDS: Final = ("session",)
ALL: Final = "all"


@dataclass(frozen=True)
class OwnSession:
    """A session, as its owner sees it; `current` marks the one that they look at it with."""

    session: UUID
    current: bool
    device: str
    address: str
    client: str
    signed_in: datetime
    last_used: datetime

    def document(self) -> dict[str, Any]:
        """Give the session as JSON has it; times in ISO 8601, UTC."""
        return {
            "session": str(self.session),
            "current": self.current,
            "device": self.device,
            "address": self.address,
            "client": self.client,
            "signed_in": _iso(self.signed_in),
            "last_used": _iso(self.last_used),
        }


def own_sessions(request: HttpRequest, user: User) -> list[OwnSession]:
    """Give the sessions of the user that are alive, this one first, then the latest used."""
    here = session_of(request).sid
    found = [
        OwnSession(
            session=row.sid,
            current=row.sid == here,
            device=device.name(row.user_agent),
            address=row.address,
            client=row.client_id,
            signed_in=row.auth_time or row.created_at,
            last_used=row.last_used_at,
        )
        for row in _held_by_people(sessions.live_of_users(timezone.now()), user)
    ]
    return sorted(found, key=lambda one: (not one.current, -one.last_used.timestamp()))


def end(request: HttpRequest, user: User, which: str) -> bool:
    """End one session of the user, or all of them; says whether that of this request is among them.

    Raises Refusal: 400 for what is no id of a session, 404 for one that is not alive, or somebody else's.
    """
    mine = _held_by_people(Session.objects.filter(revoked_at__isnull=True), user)
    if which != ALL:
        try:
            mine = mine.filter(sid=UUID(which))
        except ValueError:
            said = f"Say which session: its id, or '{ALL}'."
            raise Refusal(HTTPStatus.BAD_REQUEST, "invalid-fields", said, errors={"session": said}) from None
    row = session_of(request).row
    ends_here = row is not None and mine.filter(sid=row.sid).exists()
    with transaction.atomic(), acting(request, user):
        ended = sessions.revoke(mine, timezone.now())
        if not ended:
            raise Refusal(HTTPStatus.NOT_FOUND, "no-such-session", "There is no such session any more.")
        if which == ALL:
            changes.record("account.signed-out-everywhere", user.email, count=ended)
        else:
            changes.record("account.session-ended", user.email, sid=str(UUID(which)))
    if ends_here:
        request.session.flush()
    return ends_here


def _held_by_people(found: QuerySet[Session], user: User) -> QuerySet[Session]:
    """Leave API keys aside: they have names, and a program behind each that should not stop by the way."""
    return found.filter(user=user).exclude(client_id=sessions.API_KEY_CLIENT)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
