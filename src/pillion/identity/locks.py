"""Locks between all processes on a PostgreSQL, held until the transaction ends; SQLite lets in one writer anyway.

Whoever takes several takes them in this order, so that no two wait for each other: a user's row, the rows of
sessions, then `REVOCATIONS`. The others are taken first in their transaction.
"""

import hashlib
from typing import Final

from django.db import connection

from pillion.identity.sql import database

# Migrations, the first key: see `prepare`.
PREPARATION: Final = "preparation"
# The steps of a key's life read what there is, and then change it: see `rotation`.
KEYS: Final = "keys"
# An operator's order looks whether there is still one who gives it: see `admin/users`.
OPERATORS: Final = "operators"
# Numbers of revocations become visible in their order: see `sessions.revoke`.
REVOCATIONS: Final = "revocations"

# In one order, so that no two wait for each other.
_HOLD: Final = (
    "SELECT pg_advisory_xact_lock(number) "
    "FROM (SELECT unnest(%s::bigint[]) AS number ORDER BY number) AS ordered"
)


def hold(*names: str) -> None:
    """Wait for the locks of these names, and hold them until the transaction, which must have begun, ends."""
    there = database()
    if not there.in_atomic_block:
        raise RuntimeError("a lock is held until the transaction ends, and there is none")
    if there.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, ([*map(number_of, names)],))


def hold_still(table: str) -> None:
    """Let nobody else write to a table until the transaction ends; what is under way is waited for."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {connection.ops.quote_name(table)} IN SHARE MODE")


def number_of(name: str) -> int:
    """Give the 64-bit number that PostgreSQL knows an advisory lock by."""
    return int.from_bytes(hashlib.sha256(f"pillion {name}".encode()).digest()[:8], signed=True)
