"""What is on record as text for a terminal. What a caller chose is shown, but says nothing to the terminal."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pillion.audit.hops import Hop
from pillion.audit.line import EGRESS, INBOUND, Line


def entry(line: Line) -> str:
    """Write one line of the log."""
    asked = f"{line.method or '-'} {_target(line)}"
    who = f" by {line.sub}" if line.sub else ""
    return visible(
        f"{line.time}  {_at(line):18}  {_status(line)}  {asked}{who} from {line.called_by or '-'}"
        f"  {decision(line)}  {line.ms} ms  {line.request_id}"
    )


def tree(request_id: str, hops: Sequence[Hop]) -> Iterator[str]:
    """Write a request: who, what, and its hops, each below the one in which it was made."""
    lines = [hop.line for hop in walk(hops)]
    users = _each(line.sub for line in lines)
    sessions = _each(line.sid for line in lines)
    yield visible(f"request  {request_id}, at {lines[0].time}")
    yield visible(f"trace    {', '.join(_each(line.trace_id for line in lines)) or 'none'}")
    yield visible(f"user     {', '.join(users) or 'nobody'}")
    if sessions:
        yield visible(f"session  {', '.join(sessions)}")
    yield ""
    rows = [row for hop in hops for row in _rows(hop, "", "")]
    width = max(len(who) for who, _ in rows)
    for who, hop in rows:
        yield f"{who:{width}}  {_status(hop.line)} {hop.line.ms:6} ms  {_what(hop)}"


def document(request_id: str, hops: Sequence[Hop]) -> dict[str, Any]:
    """Give the same for programs."""
    lines = [hop.line for hop in walk(hops)]
    return {
        "request_id": request_id,
        "trace_ids": _each(line.trace_id for line in lines),
        "users": _each(line.sub for line in lines),
        "hops": [_document(hop) for hop in hops],
    }


def decision(line: Line) -> str:
    """Say what became of a request: refused and why, or sent on, or let in and by which rule."""
    if line.why:
        return f"{'refused' if line.denied else 'failed'}: {line.why}"
    if not line.rule:
        return "answered"
    return f"let in by {line.rule}" if line.kind == INBOUND else f"sent to {line.rule}"


def visible(text: str) -> str:
    r"""Show control characters, and what turns the direction of writing, as what they are (`\x1b`)."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _document(hop: Hop) -> dict[str, Any]:
    return {
        "caller": hop.caller,
        "callee": hop.callee,
        "assumed": hop.assumed,
        "line": hop.line.raw,
        "egress": hop.egress.raw if hop.egress and hop.egress is not hop.line else None,
        "hops": [_document(call) for call in hop.hops],
    }


def _rows(hop: Hop, lead: str, below: str) -> Iterator[tuple[str, Hop]]:
    assumed = " (assumed)" if hop.assumed else ""
    yield visible(f"{lead}{hop.caller or '-'} → {hop.callee or '-'}{assumed}"), hop
    for call in hop.hops:
        last = call is hop.hops[-1]
        yield from _rows(call, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}")


def _what(hop: Hop) -> str:
    return visible(f"{hop.line.method or '-'} {hop.line.path or '-'}  {decision(hop.line)}")


def walk(hops: Iterable[Hop]) -> Iterator[Hop]:
    """Give every hop, those above first."""
    for hop in hops:
        yield hop
        yield from walk(hop.hops)


def _each(words: Iterable[str]) -> list[str]:
    """Give every word once, in the order in which they came."""
    return list(dict.fromkeys(word for word in words if word))


def _at(line: Line) -> str:
    return f"{line.service}.egress" if line.kind == EGRESS else line.service


def _target(line: Line) -> str:
    return f"{line.host or '-'}{line.path or ''}" if line.kind == EGRESS else line.path or "-"


def _status(line: Line) -> str:
    return f"{line.status:3}" if line.status else "  -"
