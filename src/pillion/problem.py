"""One thing that is wrong with what the user wrote: where, what, and what would be right."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake with its place, its code and its next step.

    `code` never changes once released: it names the test case and the anchor in docs/problems.md.
    `key` is the path of the offending key (`services.orders.calls[0]`), empty for the file as a whole.
    `hint` says what would be right; empty where the message says it already.
    """

    place: Place
    code: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.place}: {key}{self.message}{hint}"


class InvalidInputError(Exception):
    """What the user wrote cannot be used; carries every problem found, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))
