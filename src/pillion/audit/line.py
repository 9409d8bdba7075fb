"""One line of an audit log. Whoever sent the request chose what stands in some of its fields."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

# W3C Trace Context, section 3.2: version, trace, span of whoever sent it, flags.
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-([0-9a-f]{16})-[0-9a-f]{2}")
_SPIFFE_NAME: Final = re.compile(r"spiffe://[^/]+/(?:service/)?([^/]+)")

# What says no to a caller: not signed in, not allowed, sent to sign in; a failed handshake, to which there is no
# answer. Other answers have a `why` as well.
_DENIALS: Final = frozenset({0, 303, 401, 403})

EDGE: Final = "edge"
INBOUND: Final = "inbound"
EGRESS: Final = "egress"


@dataclass(frozen=True)
class Line:
    """What one Envoy wrote of one request; `raw` is all of it.

    `service` wrote it: `edge`, or the service whose sidecar it was. `parent_id` is the span of the hop before.
    """

    time: str
    kind: str
    service: str
    request_id: str
    trace_id: str
    span_id: str
    parent_id: str
    host: str
    method: str
    path: str
    status: int
    why: str
    rule: str
    sub: str
    sid: str
    caller: str
    ms: int
    raw: Mapping[str, Any]

    @property
    def denied(self) -> bool:
        """Whether an Envoy said no to the caller."""
        return bool(self.why) and self.status in _DENIALS

    @property
    def called_by(self) -> str:
        """The workload that called, by its short name, or else the address that the call came from."""
        named = _SPIFFE_NAME.fullmatch(self.caller)
        return named[1] if named else self.caller

    @property
    def names_workload(self) -> bool:
        """Whether the caller has proven which workload it is."""
        return _SPIFFE_NAME.fullmatch(self.caller) is not None


def parse(written: bytes) -> Line | None:
    """Read a line; None if it is not one, as when a disk was full or a machine lost power."""
    try:
        raw = json.loads(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or not (_text(raw, "time") and _text(raw, "service")):
        return None
    service = _text(raw, "service")
    parent = _TRACEPARENT.fullmatch(_text(raw, "traceparent"))
    return Line(
        time=_text(raw, "time"),
        kind=_text(raw, "kind") or (EDGE if service == EDGE else INBOUND),
        service=service,
        request_id=_text(raw, "request_id"),
        trace_id=_text(raw, "trace_id"),
        span_id=_text(raw, "span_id"),
        parent_id=parent[1] if parent else "",
        host=_text(raw, "host"),
        method=_text(raw, "method"),
        path=_text(raw, "path"),
        status=_number(raw, "status"),
        why=_text(raw, "why"),
        rule=_text(raw, "rule"),
        sub=_text(raw, "sub"),
        sid=_text(raw, "sid"),
        caller=_text(raw, "caller") or _text(raw, "from"),
        ms=_number(raw, "ms"),
        raw=raw,
    )


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def _number(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    return value if isinstance(value, int) else 0
