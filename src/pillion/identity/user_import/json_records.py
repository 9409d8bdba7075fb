"""Rows out of JSON lines: an object in each."""

import json
from collections.abc import Iterator
from typing import Any

from pillion.identity.user_import.lines import ImportFileError, Line, Lines
from pillion.identity.user_import.record import KNOWN, PROBLEM, TOO_LONG, Record, shown


class JsonRecords:
    """The rows of a file, and how they are written where they are rejected."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Record]:
        """Give the rows. Raises ImportFileError if the first one has a field that is not known: so have all."""
        first = True
        for line in self._lines:
            if not line.whole or line.text.strip():
                record = _record(line)
                if first and _unknown(record.values):
                    raise ImportFileError(f"line {line.number}: {record.problem}")
                first = False
                yield record

    def head(self) -> str:
        """Write nothing: there is no header."""
        return ""

    def rejected(self, record: Record, problem: str) -> str:
        """Write a row with what is wrong with it; one that is no JSON as a text, `line`."""
        rest = record.kept if isinstance(record.kept, dict) else {"line": record.kept}
        return json.dumps({PROBLEM: problem, **{n: v for n, v in rest.items() if n != PROBLEM}}) + "\n"


def _record(line: Line) -> Record:
    if not line.whole:
        return Record(line.number, {}, "", TOO_LONG)
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice.append("")
        return found

    try:
        values = json.loads(line.text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return Record(line.number, {}, line.text, "is not JSON")
    if not isinstance(values, dict):
        return Record(line.number, {}, line.text, "is not a JSON object")
    if twice:
        return Record(line.number, {}, line.text, "names a field twice")
    unknown = _unknown(values)
    if unknown:
        return Record(
            line.number, values, values, f"no such field: {shown(unknown)}; known are {', '.join(KNOWN)}"
        )
    return Record(line.number, values, values)


def _unknown(values: Any) -> list[str]:
    return [name for name in values if name not in {*KNOWN, PROBLEM}]
