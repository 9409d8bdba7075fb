"""A row of a file before anybody has looked at what it says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# What a row may hold, in the order in which it is told.
KNOWN: Final = ("email", "password_hash", "password", "roles", "verified", "active")
# What was wrong with it the last time: a file of rejected rows can be mended and imported.
PROBLEM: Final = "problem"

TOO_LONG: Final = "is longer than 64 KiB"


@dataclass(frozen=True)
class Record:
    """`values` by name, unless `problem` says why there are none; `kept` is what was written, for the rejected."""

    line: int
    values: Mapping[str, Any]
    kept: Any
    problem: str = ""


def shown(names: Iterable[str]) -> str:
    """Show names that somebody made up."""
    return ", ".join(f"'{name[:40]}'" if name.isprintable() else "one of odd characters" for name in names)
