"""The database that control follows, and notes in what the Envoys have acknowledged: SQLite or PostgreSQL."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from pillion.control.facts import Facts
from pillion.control.sqlite import Sqlite


class Database(Protocol):
    """What control needs of one. `follow` runs in a thread of its own; the others are short."""

    def follow(self, changed: Callable[[Facts | None], None], stopped: threading.Event) -> None:
        """Give the facts, and give them again whenever they have changed, until `stopped` is set.

        A database that is away, or not yet made, is waited for: what was told last stays true. That it is away
        is told as None.
        """

    def report(self, instance: str, document: str) -> bool:
        """Write down what the Envoys have acknowledged; says whether that could be done."""

    def withdraw(self, instance: str) -> bool:
        """Take the report away, since this control and its Envoys run no more; says whether that could be done."""


def named(where: Path | SecretStr) -> Database:
    """Give the database: a file is SQLite's, a URL (postgresql://…) PostgreSQL's."""
    if isinstance(where, Path):
        return Sqlite(where)
    from pillion.control.postgresql import Postgresql  # noqa: PLC0415 - a laptop does without

    return Postgresql(where.get_secret_value())
