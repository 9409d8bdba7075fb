"""Django's session engine over our table: the cookie's value is hashed, a revoked row stays revoked.

What Django's own engines do otherwise, and why it is not wanted here: they keep the cookie's value in clear,
delete the row at sign-out (others must still be told of it), and write a row per call of `create`.
"""

import json
from datetime import datetime
from functools import partial
from typing import Any, Final, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.utils import timezone

from pillion.identity import proof, sessions
from pillion.identity.lifetimes import SESSION_LIFETIME, VISIT_LIFETIME
from pillion.identity.models import Session
from pillion.identity.sql import Insert, database

_INSERT: Final = Insert(Session)


def _snapshot(data: dict[str, Any]) -> str:
    """Give what can be compared later: the data itself may change meanwhile."""
    return json.dumps(data)


def _text(user: UUID | None) -> str | None:
    return None if user is None else str(user)


def _proven(data: dict[str, Any]) -> dict[str, Any]:
    """Give what the columns say of when and how somebody signed in, or confirmed that since."""
    at = proof.proven_at(data)
    return {"auth_time": at, "amr": proof.methods(data)} if at and SESSION_KEY in data else {}


class SessionStore(SessionBase):
    """The session of one request. Nothing is written for a visitor whose session holds nothing."""

    accessed: bool
    modified: bool
    _session_key: str | None

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.row: Session | None = None
        self._written: str | None = None
        self.user_agent = ""
        self.address = ""

    @property
    def sid(self) -> UUID | None:
        """The session's public name; None before it is saved."""
        return self.row.sid if self.row else None

    def load(self) -> dict[str, Any]:
        """Find the live session that the cookie names; an unknown or dead one is no session at all."""
        key_hash = sessions.hash_of(self._session_key or "")
        now = timezone.now()
        self.row = Session.objects.filter(sessions.live(now), key_hash=key_hash).first() if key_hash else None
        # The row says whose the session is; Django reads it from the data. They are never to differ.
        if self.row is not None and self.row.data.get(SESSION_KEY) != _text(self.row.user_id):
            self.row = None
        if self.row is None:
            self._session_key = None
            return {}
        sessions.mark_used(self.row.sid, self.row.last_used_at, now)
        return dict(self.row.data)

    def get_session_cookie_age(self) -> int:
        """Say for how many seconds the browser keeps the cookie: as long as its row lives."""
        if self.row is not None:
            return max(0, int((self.row.expires_at - timezone.now()).total_seconds()))
        return int((SESSION_LIFETIME if SESSION_KEY in self else VISIT_LIFETIME).total_seconds())

    def exists(self, session_key: str) -> bool:
        """Tell whether there is a row, alive or not."""
        return Session.objects.filter(key_hash=sessions.hash_of(session_key)).exists()

    def create(self) -> None:
        """Begin a new session, under a new key and a new sid; the row is written by `save`."""
        self._session_key = sessions.new_key()
        self._session_cache: dict[str, Any] = {}
        self.row = self._written = None
        self.modified = True

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Write the session: an INSERT for a new one, else an UPDATE, which fails if it was revoked.

        What was written already by this request is not written again: Django's middleware does so at its end.
        """
        data = {} if must_create else dict(self.items())
        if self._session_key is None:
            self._session_key = sessions.new_key()
        if self.row is None:
            self.row = self._insert(data, timezone.now())
            self._note_written(data)
            return
        if _snapshot(data) == self._written:
            return
        written = Session.objects.filter(sid=self.row.sid, revoked_at__isnull=True).update(
            data=data, user_id=data.get(SESSION_KEY), **_proven(data)
        )
        if not written:
            raise UpdateError
        self._note_written(data)
        for name, value in _proven(data).items():
            setattr(self.row, name, value)

    def _note_written(self, data: dict[str, Any]) -> None:
        """Note what stands in the table, as soon as it is certain to."""
        database().on_commit(partial(setattr, self, "_written", _snapshot(data)))

    def delete(self, session_key: str | None = None) -> None:
        """Revoke the session. One that never had a user is nobody's business, and is removed."""
        key = session_key or self._session_key
        key_hash = sessions.hash_of(key) if key else None
        if key_hash is None:
            return
        mine = Session.objects.filter(key_hash=key_hash)
        mine.filter(user__isnull=True, revoked_at__isnull=True).delete()
        sessions.revoke(mine, timezone.now())
        if session_key is None:
            self.row = self._written = None

    def flush(self) -> None:
        """End the session, in the database too."""
        super().flush()
        self.row = self._written = None

    @classmethod
    def clear_expired(cls) -> None:
        """Remove the rows that no token can speak of any more, and what is left of visits."""
        now = timezone.now()
        Session.objects.filter(expires_at__lt=now - SESSION_LIFETIME).delete()
        Session.objects.filter(auth_time=None, revoked_at=None, expires_at__lt=now).delete()

    def _insert(self, data: dict[str, Any], now: datetime) -> Session:
        signed_in = SESSION_KEY in data
        made = _INSERT.made(
            sid=uuid4(),
            key_hash=sessions.hash_of(self._session_key or "") or "",
            user_id=UUID(data[SESSION_KEY]) if signed_in else None,
            data=data,
            created_at=now,
            expires_at=now + (SESSION_LIFETIME if signed_in else VISIT_LIFETIME),
            last_used_at=now,
            revoked_at=None,
            tokens_until=sessions.last_token(now, settings.PILLION.token_lifetime) if signed_in else 0,
            **{"auth_time": now if signed_in else None, "amr": []} | _proven(data),
            client_id=sessions.EDGE_CLIENT,
            scope="",
            user_agent=self.user_agent.replace("\0", "")[:200],  # PostgreSQL holds no NUL
            address=self.address,
        )
        return cast("Session", made)
