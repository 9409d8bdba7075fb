"""The hops of one request as a tree: who called whom, and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pillion.audit.line import EGRESS, INBOUND, Line


@dataclass(frozen=True)
class Hop:
    """One request from `caller` to `callee`: what the callee's Envoy wrote of it, and the caller's egress.

    `assumed` says that no span ties it to the hop above: the service did not pass `traceparent` on, and was busy
    with that hop at the time. `hops` are the calls that the callee made meanwhile, by time.
    """

    caller: str
    callee: str
    line: Line
    egress: Line | None
    assumed: bool
    hops: tuple["Hop", ...]


def hops(lines: Iterable[Line]) -> tuple[Hop, ...]:
    """Put the lines of one request in order: those that nothing led to first, below each what it led to."""
    lines = sorted(lines, key=lambda line: line.time)
    spans = {line.span_id: line for line in lines if line.span_id}
    below: dict[int, list[tuple[Line, bool]]] = {}
    roots: list[Line] = []
    led_by: dict[int, Line] = {}
    for line in lines:
        above, assumed = _above(line, spans, lines)
        if above is None or _goes_round(above, line, led_by):
            roots.append(line)
        else:
            led_by[id(line)] = above
            below.setdefault(id(above), []).append((line, assumed))
    return tuple(hop for line in roots for hop in _hops(line, None, below, assumed=False))


def _above(line: Line, spans: Mapping[str, Line], lines: Sequence[Line]) -> tuple[Line | None, bool]:
    """Give the line of the hop that led to this one, and whether that is only assumed."""
    tied = spans.get(line.parent_id)
    if tied is not None and _may_lead(tied, line):
        return tied, False
    if line.kind != EGRESS:
        return None, False
    # The latest request that its service was working on when it made this call.
    working = [
        other
        for other in lines
        if (other.kind, other.service) == (INBOUND, line.service) and other.time <= line.time <= _end(other)
    ]
    return (working[-1], True) if working else (None, False)


def _goes_round(above: Line, line: Line, led_by: Mapping[int, Line]) -> bool:
    """Say whether `line` would lead to itself, as spans that somebody made up may say; it would be in no tree."""
    higher: Line | None = above
    while higher is not None and higher is not line:
        higher = led_by.get(id(higher))
    return higher is line


def _may_lead(above: Line, line: Line) -> bool:
    """Say whether one kind of hop leads to the other."""
    if line.kind == INBOUND:
        return above.kind != INBOUND
    return line.kind == EGRESS and above.kind == INBOUND


def _end(line: Line) -> str:
    """Give when a request had been answered, in the log's own form of a time."""
    try:
        began = datetime.fromisoformat(line.time)
        return (
            f"{(began + timedelta(milliseconds=line.ms + 1)).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        )
    except (ValueError, OverflowError):
        return ""


def _hops(
    line: Line, above: Line | None, below: Mapping[int, Sequence[tuple[Line, bool]]], *, assumed: bool
) -> list[Hop]:
    """Make the hop of a line; a call that arrived is one hop with what its caller's egress wrote of it."""
    led_to = below.get(id(line), [])
    if line.kind == EGRESS and led_to:
        return [
            Hop(
                **_ends(arrived, line),
                line=arrived,
                egress=line,
                assumed=assumed,
                hops=_calls(arrived, below),
            )
            for arrived, _ in led_to
        ]
    egress = line if line.kind == EGRESS else None
    return [Hop(**_ends(line, above), line=line, egress=egress, assumed=assumed, hops=_calls(line, below))]


def _calls(line: Line, below: Mapping[int, Sequence[tuple[Line, bool]]]) -> tuple[Hop, ...]:
    return tuple(
        hop
        for called, assumed in below.get(id(line), [])
        for hop in _hops(called, line, below, assumed=assumed)
    )


def _ends(line: Line, above: Line | None) -> dict[str, Any]:
    """Name caller and callee: as whom the caller has proven itself, or else whose the hop above is."""
    if line.kind == EGRESS:
        return {"caller": line.service, "callee": line.host}
    if above is None or line.names_workload:
        return {"caller": line.called_by, "callee": line.service}
    return {"caller": above.service, "callee": line.service}
