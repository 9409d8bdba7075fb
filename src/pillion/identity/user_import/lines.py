"""The lines of a file of any size: one at a time, each of bounded length."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

MOST_BYTES: Final = 64 * 1024

_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


class ImportFileError(Exception):
    """The file cannot be read on; the message says from which line, and what would be right."""


@dataclass(frozen=True)
class Line:
    """A line with its end. Of one that is too long, and so not `whole`, only whether it has quotes is kept."""

    number: int
    text: str
    whole: bool
    quoted: bool


class Lines:
    """Reads a file; `consumed` says how many bytes of it so far. Bytes that are no UTF-8 become surrogates."""

    def __init__(self, file: BinaryIO) -> None:
        self.consumed = 0
        self._file = file
        self._number = 0

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        raw = self._read()
        if not raw:
            raise StopIteration
        self._number += 1
        if self._number == 1:
            if raw.startswith(_UTF16):
                raise ImportFileError("the file is UTF-16: save it as UTF-8")
            raw = raw.removeprefix(_BOM)
        whole, quoted = len(raw) <= MOST_BYTES, b'"' in raw
        if not whole:
            while raw and not raw.endswith(b"\n"):
                raw = self._read()
                quoted = quoted or b'"' in raw
        text = raw.decode("utf-8", "surrogateescape") if whole else ""
        return Line(self._number, text, whole, quoted)

    def _read(self) -> bytes:
        raw = self._file.readline(MOST_BYTES + 1)
        self.consumed += len(raw)
        return raw
