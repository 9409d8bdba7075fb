"""The file beside the imported one that takes the rows that could not be, each with its problem."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO

from pillion.identity.user_import.record import Record


class Format(Protocol):
    """How a kind of file is written."""

    def head(self) -> str:
        """Write what stands before the first row."""

    def rejected(self, record: Record, problem: str) -> str:
        """Write a row with its problem."""


class Rejected:
    """Made when the first row comes, for this user's eyes alone: it holds hashes as the imported file does.

    What an earlier run left under the name is removed.
    """

    def __init__(self, path: Path, form: Format) -> None:
        """Remove the file of an earlier run; raises OSError."""
        self.path = path
        self._form = form
        self._file: TextIO | None = None
        with suppress(FileNotFoundError):
            path.unlink()

    def add(self, record: Record, problem: str) -> None:
        """Write a row; raises OSError."""
        if self._file is None:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="")
            self._file.write(self._form.head())
        self._file.write(self._form.rejected(record, f"line {record.line}: {problem}"))

    def flush(self) -> None:
        """Bring what was written to the file; raises OSError."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """End the file."""
        if self._file is not None:
            self._file.close()
