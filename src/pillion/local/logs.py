"""`pillion logs`: reads the processes' log files, interleaved by time, and goes on as they grow."""

import difflib
import heapq
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillion.local import folder
from pillion.local.failure import LocalError
from pillion.local.output import harmless, older
from pillion.local.tail import Tail

_SUFFIX: Final = ".log"
_POLL_SECONDS: Final = 0.1
_STAMP_LENGTH: Final = 24


@dataclass(frozen=True, order=True)
class Line:
    """One line; `time` as `output.stamp` writes it, empty where the file has none."""

    time: str
    name: str
    text: str


def choose(file: Path, name: str | None) -> list[Path]:
    """Choose the log files of `name` (a service's sidecar is `NAME.sidecar`), or all.

    Raises LocalError, with a suggestion, when there is none.
    """
    state = folder.of(file)
    paths = sorted(path for path in state.logs.glob(f"*{_SUFFIX}") if path.is_file())
    if not paths:
        raise LocalError(f"there are no logs in {state.logs}: start the mesh with 'pillion up'")
    if name is None:
        return [path for path in paths if path != state.supervisor_log]
    chosen = [path for path in paths if _name(path) in {name, f"{name}.sidecar"}]
    if not chosen:
        names = [_name(path) for path in paths]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names)}"
        raise LocalError(f"nothing named {name!r} has logs ({hint})")
    return chosen


def past(paths: Iterable[Path], last: int | None) -> Iterator[Line]:
    """Give what the files hold, by time; of each file no more than the `last` lines."""
    return heapq.merge(*(_past(path, last) for path in paths), key=lambda line: line.time)


class Follower:
    """Gives what is added to files from now on; a file that is replaced is read to its end, then anew."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._tails = [Tail(path) for path in paths]

    def added(self) -> list[Line]:
        """Give what was added since the last time, by time."""
        added = (_line(_name(tail.path), raw) for tail in self._tails for raw in tail.added())
        return sorted(added, key=lambda line: line.time)

    def lines(self) -> Iterator[Line]:
        """Give lines as they come, without end."""
        try:
            while True:
                yield from self.added()
                time.sleep(_POLL_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files."""
        for tail in self._tails:
            tail.close()


def _past(path: Path, last: int | None) -> Iterator[Line]:
    lines: deque[Line] = deque(maxlen=last)
    for part in (older(path), path):
        if part.exists():
            with part.open("rb") as file:
                lines.extend(_line(_name(path), raw.rstrip(b"\n")) for raw in file)
    return iter(lines)


def _line(name: str, raw: bytes) -> Line:
    text = raw.decode("utf-8", errors="replace")
    time_, _, rest = text.partition(" ")
    if len(time_) != _STAMP_LENGTH or not time_.endswith("Z"):
        time_, rest = "", text
    return Line(time_, name, harmless(rest))


def _name(path: Path) -> str:
    return path.name.removesuffix(_SUFFIX)
