"""Transactions of what is asked all the time.

Django's `atomic` takes eighty calls for one on SQLite, most of them to find that nothing is out of the ordinary.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic

from pillion.identity.sql import database, update


class Transaction(Atomic):
    """Django's `atomic`, with a short way in and out of an outermost one on SQLite that nothing goes wrong in.

    It leaves the connection as Django does, so that `atomic` works within it.
    """

    def __init__(self) -> None:
        super().__init__(DEFAULT_DB_ALIAS, savepoint=True, durable=False)

    def __enter__(self) -> None:
        there: Any = database()
        if there.vendor != "sqlite" or there.in_atomic_block or there.connection is None:
            super().__enter__()
            return
        there._start_transaction_under_autocommit()  # noqa: SLF001 - our engine's, see `queued`
        there.commit_on_exit, there.needs_rollback = True, False
        there.autocommit, there.in_atomic_block = False, True
        there.atomic_blocks.append(self)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        there: Any = database()
        if (
            there.vendor != "sqlite"
            or kind is not None
            or there.needs_rollback
            or there.savepoint_ids
            or there.closed_in_transaction
        ):
            super().__exit__(kind, value, trace)
            return
        try:
            there._commit()  # noqa: SLF001 - as above
        except DatabaseError as error:  # the transaction goes on
            super().__exit__(DatabaseError, error, error.__traceback__)
            raise
        there.atomic_blocks.pop()
        there.autocommit, there.in_atomic_block = True, False
        there.errors_occurred = False
        if there.run_on_commit:
            there.run_and_clear_commit_hooks()


@contextmanager
def soon_on_disk() -> Iterator[None]:
    """Make a transaction whose end waits for no disk: what it wrote is seen by all at once, and on the disk soon.

    A process that is killed loses nothing of it. A machine that fails may lose the transaction as a whole, and no
    later one that waited for the disk.
    """
    there = database()
    if there.vendor != "sqlite":
        with Transaction():
            update("SET LOCAL synchronous_commit = off")
            yield
        return
    _synchronous(there, "NORMAL")  # in WAL mode; within a transaction it cannot be changed
    try:
        with Transaction():
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
