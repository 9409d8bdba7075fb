"""What a process prints: cut into lines, and kept in a file that never grows without end."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

LARGEST: Final = 10 * 1024 * 1024  # bytes in a log file, and as many in the one before it
LONGEST_LINE: Final = 16 * 1024

# What a terminal would obey (ECMA-48): colours are dropped, everything else is shown as what it is, so that
# a request that a service writes to its log cannot speak to the developer's terminal.
_COLOUR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Lines:
    """Cuts a stream of bytes into lines of text and hands on each; a very long one in pieces."""

    def __init__(self, receive: Callable[[str], None]) -> None:
        self._receive = receive
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._hand_on(line)
        while len(self._rest) > LONGEST_LINE:
            self._hand_on(self._rest[:LONGEST_LINE])
            self._rest = self._rest[LONGEST_LINE:]

    def close(self) -> None:
        """Hand on what is left of a last line."""
        if self._rest:
            self._hand_on(self._rest)
            self._rest = b""

    def _hand_on(self, line: bytes) -> None:
        self._receive(harmless(line.decode("utf-8", errors="replace").rstrip("\r")))


class LogFile:
    """Appends lines to a file, each led by its time; at LARGEST bytes the file becomes `NAME.1`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def write(self, line: str) -> None:
        """Append one line. A full disk loses the line, but never stops the process that printed it."""
        try:
            file = self._open()
            file.write(f"{stamp(datetime.now(UTC))} {line}\n".encode(errors="replace"))
            if file.tell() >= LARGEST:
                self.close()
                self._path.replace(older(self._path))
        except OSError:
            self.close()

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = open(self._path, "ab", buffering=0, opener=_private)  # noqa: SIM115 - kept open
        return self._file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def stamp(time: datetime) -> str:
    """Write a time in UTC to the millisecond, in 24 characters: sorting the text sorts the times."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def older(path: Path) -> Path:
    """Name the file that holds what was in the log at `path` before."""
    return path.with_name(f"{path.name}.1")


def harmless(text: str) -> str:
    """Take out what a terminal would obey."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], _COLOUR.sub("", text))
