"""Transactions that need not be on the disk before what comes after them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pillion.identity.sql import database, update


@contextmanager
def soon_on_disk() -> Iterator[None]:
    """Make a transaction whose end waits for no disk: what it wrote is seen by all at once, and on the disk soon.

    A process that is killed loses nothing of it. A machine that fails may lose the transaction as a whole, and no
    later one that waited for the disk.
    """
    there = database()
    if there.vendor != "sqlite":
        with transaction.atomic():
            update("SET LOCAL synchronous_commit = off")
            yield
        return
    _synchronous(there, "NORMAL")  # in WAL mode; within a transaction it cannot be changed
    try:
        with transaction.atomic():
            yield
    finally:
        if there.connection is not None:  # else it broke, and the next one is made as `settings` says
            _synchronous(there, "FULL")


def _synchronous(there: BaseDatabaseWrapper, level: str) -> None:
    if there.connection is None:
        there.ensure_connection()
    try:
        # As a script: SQLite does this when it compiles it, and Python would compile a statement once.
        there.connection.executescript(f"PRAGMA synchronous={level}")
    except sqlite3.Error:
        with there.wrap_database_errors:
            raise
