"""Rows out of CSV (RFC 4180) with a header."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from pillion.identity.user_import.lines import MOST_BYTES, ImportFileError, Line, Lines
from pillion.identity.user_import.record import KNOWN, PROBLEM, TOO_LONG, Record, shown

_QUOTES: Final = "is not CSV: look at its quotation marks"


class CsvRecords:
    """The rows of a file, and how they are written where they are rejected."""

    def __init__(self, lines: Lines) -> None:
        """Read the header; raises ImportFileError if there is none, or it has columns that are not known."""
        self._lines = lines
        self.header = self._header()

    def __iter__(self) -> Iterator[Record]:
        """Give the rows. Raises ImportFileError where a quotation mark is not closed: what follows is no row.

        It might be a text that somebody chose, in whose middle stands what looks like one.
        """
        for first in self._lines:
            if not first.whole:
                if first.quoted:
                    raise _unclosed(first.number)
                yield Record(first.number, {}, [], TOO_LONG)
                continue
            text = self._to_its_end(first)
            if text.strip():
                yield self._record(first.number, text)

    def head(self) -> str:
        """Write the header of a file of rejected rows."""
        return _row([PROBLEM, *(name for name in self.header if name != PROBLEM)])

    def rejected(self, record: Record, problem: str) -> str:
        """Write a row with what is wrong with it before it."""
        if isinstance(record.kept, str):
            return f"{_row([problem]).rstrip()},{record.kept.rstrip()}\r\n"
        before = self.header.index(PROBLEM) if PROBLEM in self.header else None
        return _row([problem, *(value for at, value in enumerate(record.kept) if at != before)])

    def _header(self) -> list[str]:
        first = next(self._lines, None)
        if first is None:
            raise ImportFileError("the file is empty: its first line has to name the columns")
        try:
            (written,) = csv.reader([first.text], strict=True)
        except (csv.Error, ValueError):
            written = []
        header = [name.strip() for name in written]
        known = ", ".join(KNOWN)
        if "email" not in header:  # perhaps it is no header, and holds a password: nothing of it is shown
            raise ImportFileError(
                f"line 1: there is no column 'email'; it names the columns, with commas between them: {known}"
            )
        unknown = [name for name in header if name not in {*KNOWN, PROBLEM}]
        if unknown:
            raise ImportFileError(f"line 1: no such column: {shown(unknown)}; known are {known}")
        if len(set(header)) < len(header):
            raise ImportFileError("line 1: a column is named twice")
        return header

    def _to_its_end(self, first: Line) -> str:
        """Take the lines that belong to a row: those up to where all quotation marks are closed."""
        parts, size = [first.text], len(first.text)
        quotes = first.text.count('"')
        while quotes % 2:
            line = next(self._lines, None)
            if line is None or not line.whole or size + len(line.text) > MOST_BYTES:
                raise _unclosed(first.number)
            parts.append(line.text)
            size += len(line.text)
            quotes += line.text.count('"')
        return "".join(parts)

    def _record(self, number: int, text: str) -> Record:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error:
            rows = []
        if len(rows) != 1:
            return Record(number, {}, text, _QUOTES)
        fields = rows[0]
        if len(fields) != len(self.header):
            return Record(
                number, {}, fields, f"has {len(fields)} values, and the header names {len(self.header)}"
            )
        return Record(number, dict(zip(self.header, fields, strict=True)), fields)


def _unclosed(line: int) -> ImportFileError:
    return ImportFileError(
        f"line {line}: a quotation mark is not closed within 64 KiB; nothing from there on was read"
    )


def _row(values: list[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue()
