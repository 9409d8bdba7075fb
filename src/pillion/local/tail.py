"""Gives what is added to a file from now on; one that is replaced is read to its end, then anew."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_LONGEST_LINE: Final = 64 * 1024


class Tail:
    """The end of the file at `path`, which need not be there yet; `begin` is where it begins, in bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rest = b""
        self._file: BinaryIO | None = self._open()
        self.begin = _last_whole(self._file) if self._file is not None else 0

    def added(self) -> Iterator[bytes]:
        """Give the whole lines that were added since the last time, without their ends."""
        if self._file is not None:
            yield from self._read(self._file)
        if self._file is None or self._is_replaced(self._file):
            if self._file is not None:
                yield from self._read(self._file)
                self._file.close()
            self._file = self._open()
            if self._file is not None:
                yield from self._read(self._file)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, file: BinaryIO) -> Iterator[bytes]:
        *whole, self._rest = (self._rest + file.read()).split(b"\n")
        yield from whole

    def _open(self) -> BinaryIO | None:
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            return None

    def _is_replaced(self, file: BinaryIO) -> bool:
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False


def _last_whole(file: BinaryIO) -> int:
    """Go to where the last whole line ends: one that is being written belongs to what is added."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LONGEST_LINE))
    return file.seek(size - len(file.read().rpartition(b"\n")[2]))
