"""Follows identity's database in PostgreSQL: listens for what identity's triggers tell (LISTEN, NOTIFY).

The triggers are in identity's migrations, so that whoever changes a table tells of it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import psycopg

from pillion.control.facts import Facts
from pillion.control.news import KEYS, LATEST, REVOKED, News, facts

CHANNEL: Final = "pillion_changed"
RETRY_SECONDS: Final = 0.2
# A connection may be lost without a word.
LOOK_AGAIN_SECONDS: Final = 10.0
# How soon it is noticed that control is to stop.
_LISTEN_SECONDS: Final = 0.5

_REPORT: Final = (
    "INSERT INTO identity_controlreport (instance, seen_at, document) VALUES (%s, %s, %s) "
    "ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document"
)
_WITHDRAW: Final = "DELETE FROM identity_controlreport WHERE instance = %s"
# libpq notices within some ten seconds that the other machine is gone.
_OPTIONS: Final[dict[str, Any]] = {
    "autocommit": True,
    "application_name": "pillion control",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Postgresql:
    """The database at `url`; see `pillion.control.database.Database`. No error says the password in it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._writing: psycopg.Connection[Any] | None = None

    def follow(self, changed: Callable[[Facts | None], None], stopped: threading.Event) -> None:
        """Give the facts, and give them again whenever they have changed, until `stopped` is set."""
        news = News(changed)
        while not stopped.is_set():
            try:
                with psycopg.connect(self._url, **_OPTIONS) as database:
                    for facts in _changes(database, stopped):
                        news.are(facts)
            except psycopg.ProgrammingError:  # its words repeat the URL, and so perhaps of the password
                news.fail_for(ValueError("its URL, or what is asked of it, is wrong"))
                stopped.wait(RETRY_SECONDS)
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
        """Keep the connection: a report is due every second."""
        try:
            if self._writing is None or self._writing.closed:
                self._writing = psycopg.connect(self._url, **_OPTIONS)
                # What is lost with the power is written again a second later: no reason to wait for the disk.
                self._writing.execute("SET synchronous_commit = off")
            self._writing.execute(statement, values)
        except psycopg.Error:  # away, or not yet made: said by the one who follows it
            if self._writing is not None:
                self._writing.close()
            return False
        return True


def _changes(database: psycopg.Connection[Any], stopped: threading.Event) -> Iterator[Facts]:
    """Give the facts now, and after every change that is told."""
    database.execute(f"LISTEN {CHANNEL}")  # before the first look: what comes in between is told as well
    while not stopped.is_set():
        looked = time.monotonic()
        yield _facts(database)
        while not stopped.is_set() and time.monotonic() < looked + LOOK_AGAIN_SECONDS:
            if any(True for _ in database.notifies(timeout=_LISTEN_SECONDS, stop_after=1)):
                break


def _facts(database: psycopg.Connection[Any]) -> Facts:
    # One state of things: a rotation is not to be seen half done.
    with database.transaction():
        database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return facts(database.execute(KEYS), database.execute(REVOKED), database.execute(LATEST))
