"""Goes through a file, and says how it went."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from pillion.identity.user_import import batch
from pillion.identity.user_import.batch import Outcome
from pillion.identity.user_import.csv_records import CsvRecords
from pillion.identity.user_import.json_records import JsonRecords
from pillion.identity.user_import.lines import ImportFileError
from pillion.identity.user_import.record import Record
from pillion.identity.user_import.rejected import Rejected
from pillion.identity.user_import.row import Row, RowError, read
from pillion.identity.user_import.seen import Seen

# Rows that are wrong are told one by one up to here; the file of the rejected has them all.
MOST_TOLD: Final = 50


@dataclass
class Progress:
    """How far it is."""

    rows: int = 0
    rejected: int = 0
    total: Outcome = field(default_factory=Outcome)

    def add(self, outcome: Outcome) -> None:
        """Count what became of a batch."""
        for number in fields(Outcome):
            if number.name != "refused":
                before = getattr(self.total, number.name)
                setattr(self.total, number.name, before + getattr(outcome, number.name))


def run(
    records: CsvRecords | JsonRecords,
    rejected_to: Path,
    progress: Progress,
    *,
    update: bool,
    told: Callable[[int, str], None],
) -> Iterator[None]:
    """Import the rows, a batch at each step.

    `told` is given line and problem of those that cannot be, up to MOST_TOLD of them.
    Raises ImportFileError where the file cannot be read on, OSError, or DatabaseError. What was imported before
    stays, and so may this be interrupted at any time: run again, it finds those accounts there.
    """
    rejected = Rejected(rejected_to, records)

    def refuse(record: Record, problem: str) -> None:
        rejected.add(record, problem)
        progress.rejected += 1
        if progress.rejected <= MOST_TOLD:
            told(record.line, problem)

    try:
        with Seen() as seen, ThreadPoolExecutor(os.cpu_count()) as hashing:
            for several in _batches(records):
                rows = _readable(several, seen, refuse)
                outcome = batch.write([row for _, row in rows], update=update, hashing=hashing)
                for record, row in rows:
                    if row.email in outcome.refused:
                        refuse(record, f"{row.email}: {outcome.refused[row.email]}")
                rejected.flush()
                progress.rows += len(several)
                progress.add(outcome)
                yield
    finally:
        rejected.close()


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    several: list[Record] = []
    try:
        for record in records:
            several.append(record)
            if len(several) == batch.MOST_ROWS:
                yield several
                several = []
    except ImportFileError:  # what was read before it is good
        if several:
            yield several
        raise
    if several:
        yield several


def _readable(
    records: list[Record], seen: Seen, refuse: Callable[[Record, str], None]
) -> list[tuple[Record, Row]]:
    rows: list[tuple[Record, Row]] = []
    for record in records:
        if record.problem:
            refuse(record, record.problem)
            continue
        try:
            row = read(record.values)
        except RowError as error:
            refuse(record, f"{error.email}: {error}" if error.email else str(error))
            continue
        before = seen.before(row.email, record.line)
        if before is not None:
            refuse(record, f"{row.email}: is there in line {before} already")
            continue
        rows.append((record, row))
    return rows
