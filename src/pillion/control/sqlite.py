"""Follows identity's database in SQLite: a look at its change counter every 20 ms, and a read when it moved.

The tables are identity's (`pillion.identity.models`); of them this module knows the public columns alone.
"""

import json
import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from pillion.control.facts import Facts

POLL_SECONDS: Final = 0.02
# The list shrinks as tokens die, though nobody writes anything; and a database file may be put in another's place.
LOOK_AGAIN_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 0.2
BUSY_SECONDS: Final = 5.0

_KEYS: Final = (
    "SELECT public_jwk FROM identity_signingkey WHERE state IN ('announced', 'signing', 'retired') "
    "ORDER BY created_at, kid"
)
_REVOKED: Final = "SELECT sid, until FROM identity_revocation WHERE until > ? ORDER BY id"
_LATEST: Final = "SELECT coalesce(max(id), 0) FROM identity_revocation"
_REPORT: Final = (
    "INSERT INTO identity_controlreport (instance, seen_at, document) VALUES (?, ?, ?) "
    "ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at, document = excluded.document"
)
_WITHDRAW: Final = "DELETE FROM identity_controlreport WHERE instance = ?"

_log = logging.getLogger("pillion.control")


def follow(path: Path, changed: Callable[[Facts], None], stopped: threading.Event) -> None:
    """Give the facts, and give them again whenever they have changed, until `stopped` is set.

    A database that is away, locked or not yet made is waited for: what was told last stays true.
    """
    last: Facts | None = None
    complained = False
    while not stopped.is_set():
        try:
            with _opened(path) as database:
                for facts in _changes(database, path, stopped):
                    if complained:
                        _log.warning("the database is back")
                        complained = False
                    if facts != last:
                        last = facts
                        changed(facts)
        except (sqlite3.Error, OSError) as error:
            if last is not None and not complained:
                complained = True
                _log.error("the database is away (%s): the Envoys keep what they have", error)
            stopped.wait(RETRY_SECONDS)


def report(path: Path, instance: str, document: str) -> None:
    """Write down what the Envoys have acknowledged; raises sqlite3.Error or OSError."""
    with _opened(path) as database:
        # What is lost with the power is written again a second later: no reason to wait for the disk.
        database.execute("PRAGMA synchronous = OFF")
        database.execute(_REPORT, (instance, time.time(), document))


def withdraw(path: Path, instance: str) -> None:
    """Take the report away: this control runs no more; raises sqlite3.Error or OSError."""
    with _opened(path) as database:
        database.execute(_WITHDRAW, (instance,))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database, which must exist; every statement is a transaction of its own."""
    uri = f"{path.as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as database:
        yield database


def _changes(database: sqlite3.Connection, path: Path, stopped: threading.Event) -> Iterator[Facts]:
    """Give the facts now, and after every change of the file by anybody; ends when it is another file."""
    file, version = path.stat().st_ino, -1
    while not stopped.is_set():
        looked = time.monotonic()
        now = _version(database)
        if now == version and path.stat().st_ino != file:
            return
        version = now
        yield _facts(database)
        while (
            _version(database) == version
            and time.monotonic() < looked + LOOK_AGAIN_SECONDS
            and not stopped.wait(POLL_SECONDS)
        ):
            pass


def _version(database: sqlite3.Connection) -> int:
    """Read the counter that moves with every commit of another connection."""
    (version,) = database.execute("PRAGMA data_version").fetchone()
    return int(version)


def _facts(database: sqlite3.Connection) -> Facts:
    database.execute("BEGIN")  # one state of things: a rotation is not to be seen half done
    try:
        keys = tuple(json.loads(jwk) for (jwk,) in database.execute(_KEYS))
        revoked = {str(uuid.UUID(sid)): until for sid, until in database.execute(_REVOKED, (time.time(),))}
        (latest,) = database.execute(_LATEST).fetchone()
    finally:
        database.execute("ROLLBACK")
    return Facts(keys=keys, revoked=revoked, revocation=latest)
