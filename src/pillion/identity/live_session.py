"""The one query of a renewal: a live session, its user, and the key that signs now.

In SQL: see `sql`. It says what `sessions.live_of_users` says; tests/identity/test_renewal.py holds them together.
"""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Model

from pillion.identity import keys, links, sql
from pillion.identity.lifetimes import IDLE_LIFETIME
from pillion.identity.models import Session, User
from pillion.identity.sessions import EDGE_CLIENT


class LiveSession(NamedTuple):
    """What a renewal needs to know, in the order of _COLUMNS; `kid` is None when there is no key to sign with.

    `proven` says that the address is known to be the user's (`links.is_proven`).
    """

    sid: UUID
    client_id: str
    auth_time: datetime
    amr: list[str]
    tokens_until: int
    sub: UUID
    email: str
    roles: list[str]
    scope: str
    proven: bool
    kid: str | None


_COLUMNS: Final[tuple[tuple[str, type[Model], str], ...]] = (
    ("s", Session, "sid"),
    ("s", Session, "client_id"),
    ("s", Session, "auth_time"),
    ("s", Session, "amr"),
    ("s", Session, "tokens_until"),
    ("u", User, "id"),
    ("u", User, "email"),
    ("u", User, "roles"),
    ("s", Session, "scope"),
)
_SQL: Final = (
    f"SELECT {', '.join(f'{table}.{column}' for table, _, column in _COLUMNS)}, "  # noqa: S608 - all constants
    f"{links.PROVEN_OF_U}, {keys.SIGNING_KID} "
    f"FROM {sql.table(Session)} s JOIN {sql.table(User)} u ON u.id = s.user_id "
    "WHERE s.key_hash = %s AND s.revoked_at IS NULL AND s.expires_at > %s "
    "AND (s.last_used_at > %s OR s.client_id <> %s) AND u.is_active"
)


def find(key_hash: str, now: datetime) -> LiveSession | None:
    """Find the session that is alive at `now` by the hash of its key; raises DatabaseError."""
    adapt = sql.database().ops.adapt_datetimefield_value
    row = sql.execute(_SQL, key_hash, adapt(now), adapt(now - IDLE_LIFETIME), EDGE_CLIENT).fetchone()
    if row is None:
        return None
    values = list(row)
    for index, convert in sql.converters(_COLUMNS):
        values[index] = convert(values[index])
    return LiveSession(*values)
