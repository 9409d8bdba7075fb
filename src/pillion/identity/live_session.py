"""The one query of a renewal: a live session, its user, and the key that signs now.

In SQL, since to build and compile the same with Django's query language takes three times as long as to sign
the token. It says what `sessions.live_of_users` says; tests/identity/test_renewal.py holds them together.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import Col

from pillion.identity.lifetimes import IDLE_LIFETIME
from pillion.identity.models import Session, SigningKey, User
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
    f"EXISTS (SELECT 1 FROM {EmailAddress._meta.db_table} e "  # noqa: SLF001 - Django's documented Model._meta
    "WHERE e.user_id = u.id AND e.email = u.email AND e.verified), "
    f"(SELECT k.kid FROM {SigningKey._meta.db_table} k "  # noqa: SLF001 - Django's documented Model._meta
    "WHERE k.state = 'signing') "
    f"FROM {Session._meta.db_table} s JOIN {User._meta.db_table} u ON u.id = s.user_id "  # noqa: SLF001
    "WHERE s.key_hash = %s AND s.revoked_at IS NULL AND s.expires_at > %s "
    "AND (s.last_used_at > %s OR s.client_id <> %s) AND u.is_active"
)


def find(key_hash: str, now: datetime) -> LiveSession | None:
    """Find the session that is alive at `now` by the hash of its key; raises DatabaseError."""
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(_SQL, (key_hash, adapt(now), adapt(now - IDLE_LIFETIME), EDGE_CLIENT))
        row = cursor.fetchone()
    if row is None:
        return None
    values = list(row)
    for index, convert in _converters():
        values[index] = convert(values[index])
    return LiveSession(*values)


@cache
def _converters() -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """Give Django's own conversions from what this database returns, by column."""
    columns = [
        Col(table, cast("Field[Any, Any]", model._meta.get_field(name)))  # noqa: SLF001 - see above
        for table, model, name in _COLUMNS
    ]
    return tuple(
        (index, _bound(converter, column))
        for index, column in enumerate(columns)
        for converter in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
    )


def _bound(converter: Any, column: Any) -> Callable[[Any], Any]:
    return lambda value: converter(value, column, connection)
