"""The files of a mesh's audit log: which there are, what they hold, and what of it belongs to one request."""

import difflib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Final

from pillion.audit.line import EDGE, Line, parse

SUFFIX: Final = ".jsonl"

_by_time: Final = attrgetter("time")


@dataclass
class Damage:
    """How many lines could not be read; a last line that is not whole is no damage, but being written."""

    lines: int = 0


def files(folder: Path, service: str | None = None) -> list[Path]:
    """Give the files that are written to, of every Envoy or of `service` alone.

    Raises LookupError, with a suggestion, where there is none.
    """
    found = {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if not found:
        raise LookupError(f"there is no audit log in {folder}: 'pillion up' begins one")
    if service is None:
        return list(found.values())
    if service not in found:
        near = difflib.get_close_matches(service, found, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(found)}"
        raise LookupError(f"nothing named {service!r} has an audit log ({hint})")
    return [found[service]]


def older(path: Path) -> list[Path]:
    """Give what was in a file before, the oldest first: `pillion up` sets a full one aside as `NAME.jsonl.1`."""
    aged = [
        (int(age), old) for old in path.parent.glob(f"{path.name}.*") if (age := old.suffix[1:]).isdigit()
    ]
    return [old for _, old in sorted(aged, reverse=True)]


def past(
    paths: Iterable[Path],
    damage: Damage,
    wanted: Callable[[bytes], bool] | None = None,
    lengths: Mapping[Path, int] | None = None,
) -> Iterator[Line]:
    """Give what is on record in these files and older ones, by time, as far as an Envoy wrote it in that order.

    `wanted` looks at a line before it is read. `lengths` says of a file how many bytes of it are the past.
    """
    ends = lengths or {}
    return heapq.merge(*(_lines(path, damage, wanted, ends.get(path)) for path in paths), key=_by_time)


def of_request(paths: Iterable[Path], request_id: str, damage: Damage) -> list[Line]:
    """Give the lines of one request, by time.

    These are the lines with its id, and those that a span ties to them: a service that passes on no more than
    `traceparent` makes calls under other ids. Never by the trace alone, which whoever calls the edge may choose.
    """
    paths = list(paths)
    return reached_by(
        request_id,
        past(paths, damage, _holding([request_id])),
        lambda traces: past(paths, Damage(), _holding(traces)),
    )


def reached_by(
    request_id: str, about: Iterable[Line], of_traces: Callable[[set[str]], Iterable[Line]]
) -> list[Line]:
    """Give what `of_request` does: of lines `about` the id, and of those that `of_traces` gives."""
    named = [line for line in about if line.request_id == request_id]
    traces = {line.trace_id for line in named if line.trace_id}
    if not traces:
        return sorted(named, key=_by_time)
    by_parent: dict[str, list[Line]] = {}
    for line in of_traces(traces):
        if line.trace_id in traces and line.request_id != request_id and line.kind != EDGE:
            by_parent.setdefault(line.parent_id, []).append(line)
    reached = list(named)
    for line in reached:  # grows while it is walked
        reached += by_parent.pop(line.span_id, []) if line.span_id else []
    return sorted(reached, key=_by_time)


def _holding(words: Iterable[str]) -> Callable[[bytes], bool]:
    encoded = [word.encode() for word in words]
    return lambda raw: any(word in raw for word in encoded)


def _lines(
    path: Path, damage: Damage, wanted: Callable[[bytes], bool] | None, length: int | None
) -> Iterator[Line]:
    for part in (*older(path), path):
        try:
            file = part.open("rb")
        except FileNotFoundError:  # set aside in this moment
            continue
        with file:
            for raw in _up_to(file, length if part == path else None):
                if not raw.endswith(b"\n") or (wanted and not wanted(raw)):
                    continue
                if (line := parse(raw)) is None:
                    damage.lines += 1
                else:
                    yield line


def _up_to(file: BinaryIO, length: int | None) -> Iterator[bytes]:
    read = 0
    for raw in file:
        if length is not None and read >= length:
            return
        read += len(raw)
        yield raw
