"""Which addresses a file has named before, for files that do not fit into memory: kept on disk, and forgotten."""

import hashlib
import sqlite3
from contextlib import closing
from typing import Final, Self

# So that two addresses are mistaken for one another by nobody's lifetime.
_BYTES: Final = 16


class Seen:
    """Remembers addresses by their hash, each with its line."""

    def __init__(self) -> None:
        # "" is SQLite's name for a file without one, which is gone when it is closed.
        self._table = sqlite3.connect("", isolation_level=None)
        with closing(self._table.cursor()) as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA journal_mode=OFF")
            cursor.execute("PRAGMA cache_size=-32768")
            cursor.execute("CREATE TABLE seen (email BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        self._cursor = self._table.cursor()

    def __enter__(self) -> Self:
        self._cursor.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()

    def before(self, email: str, line: int) -> int | None:
        """Give the line that named the address first; None if this one does."""
        key = hashlib.blake2b(email.encode(), digest_size=_BYTES).digest()
        self._cursor.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, line))
        if self._cursor.rowcount:
            return None
        found: int = self._cursor.execute("SELECT line FROM seen WHERE email = ?", (key,)).fetchone()[0]
        return found
