"""Follows identity's database in SQLite: a look at its change counter every 20 ms, and a read when it moved."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pillion.control.facts import Facts
from pillion.control.news import KEYS, LATEST, REVOKED, News, facts

POLL_SECONDS: Final = 0.02
RETRY_SECONDS: Final = 0.2
BUSY_SECONDS: Final = 5.0

_REPORT: Final = (
    "INSERT INTO identity_controlreport (instance, seen_at, document) VALUES (?, ?, ?) "
    "ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document"
)
_WITHDRAW: Final = "DELETE FROM identity_controlreport WHERE instance = ?"


class Sqlite:
    """The database in the file at `path`; see `pillion.control.database.Database`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def follow(self, changed: Callable[[Facts | None], None], stopped: threading.Event) -> None:
        """Give the facts, and give them again whenever they have changed, until `stopped` is set."""
        news = News(changed)
        while not stopped.is_set():
            try:
                with self._opened() as database:
                    for facts in self._changes(database, stopped):
                        news.are(facts)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it may be right again
                news.fail_for(error)
                stopped.wait(RETRY_SECONDS)

    def report(self, instance: str, document: str) -> bool:
        """Write down what the Envoys have acknowledged."""
        return self._write(_REPORT, instance, time.time(), document)

    def withdraw(self, instance: str) -> bool:
        """Take the report away."""
        return self._write(_WITHDRAW, instance)

    def _write(self, statement: str, *values: object) -> bool:
        try:
            with self._opened() as database:
                # What is lost with the power is written again a second later: no reason to wait for the disk. Not
                # OFF, by which this connection would copy what identity wrote from the log to the file unsynced.
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute(statement, values)
        except (sqlite3.Error, OSError):  # away, or not yet made: said by the one who follows it
            return False
        return True

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the database, which must exist; every statement is a transaction of its own."""
        uri = f"{self._path.as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as database:
            yield database

    def _changes(self, database: sqlite3.Connection, stopped: threading.Event) -> Iterator[Facts]:
        """Give the facts now, and after every change of the file by anybody; ends when it is another file."""
        file = self._path.stat().st_ino
        while not stopped.is_set():
            version = _version(database)
            yield _facts(database)
            while _version(database) == version and not stopped.wait(POLL_SECONDS):
                if self._path.stat().st_ino != file:
                    return


def _version(database: sqlite3.Connection) -> int:
    """Read the counter that moves with every commit of another connection."""
    (version,) = database.execute("PRAGMA data_version").fetchone()
    return int(version)


def _facts(database: sqlite3.Connection) -> Facts:
    database.execute("BEGIN")  # one state of things: a rotation is not to be seen half done
    try:
        return facts(database.execute(KEYS), database.execute(REVOKED), database.execute(LATEST))
    finally:
        database.execute("ROLLBACK")
