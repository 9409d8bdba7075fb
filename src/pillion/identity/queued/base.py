"""Django's SQLite, whose writers wait for each other in a queue.

SQLite lets in one writer, and has the others look again and again, less and less often: of sixteen at once some
waited for two seconds while those who came later went first. Here the transactions of one process come one after
another, and SQLite's own waiting is left for those of other processes, and for what is written outside of any.
"""

import threading
from collections import defaultdict
from typing import Final

from django.db import OperationalError
from django.db.backends.sqlite3 import base

# As long as SQLite itself waits for other processes (`settings`).
PATIENCE_SECONDS: Final = 5.0

# By the database: each has a queue of its own.
turns: Final[defaultdict[str, threading.Lock]] = defaultdict(threading.Lock)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's; from the beginning of a transaction to its end it holds the turn."""

    _held: "threading.Lock | None" = None  # a string: before Python 3.13 it is a function

    def _start_transaction_under_autocommit(self) -> None:
        turn = turns[str(self.settings_dict["NAME"])]
        if not turn.acquire(timeout=PATIENCE_SECONDS):
            raise OperationalError("database is locked: others of this process write")
        self._held = turn
        try:
            self._do(f"BEGIN {self.transaction_mode}")  # type: ignore[attr-defined] # not in the stubs
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        # If it fails, the transaction goes on, and is rolled back.
        self._do("COMMIT")
        self._end_turn()

    def _do(self, sql: str) -> None:
        """Begin or end a transaction; not by Django's cursor, which looks four times for who may want to know."""
        try:
            self.connection.execute(sql)
        except self.Database.Error:
            with self.wrap_database_errors:
                raise
        if self.force_debug_cursor:  # a test counts
            self.queries_log.append({"sql": sql.partition(" ")[0], "time": "0"})

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:  # if it fails, Django closes the connection
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        turn, self._held = self._held, None
        if turn is not None:
            turn.release()
