"""Lines as Envoys write them."""

import json
from typing import Any

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = "5f0c7f5e-7f0b-4b39-9d65-6d8a4a3f7a11"


def line(service: str, kind: str = "inbound", *, span: int = 0, above: int = 0, **fields: Any) -> bytes:
    """Write a line of the span `span`, led to by the span `above`; `second` and `ms` say when."""
    second, ms = fields.pop("second", span), fields.pop("ms", 1)
    written = {
        "time": f"2026-01-31T12:00:{second:02}.000Z",
        "kind": kind,
        "service": service,
        "request_id": REQUEST,
        "trace_id": TRACE,
        "span_id": f"{span:016x}" if span else None,
        "traceparent": f"00-{TRACE}-{above:016x}-00" if above else None,
        "host": None,
        "method": "GET",
        "path": "/",
        "status": 200,
        "why": None,
        "rule": "default",
        "sub": None,
        "sid": None,
        "jti": None,
        "caller": "127.0.0.1:40000",
        "ms": ms,
        "details": "via_upstream",
    }
    return json.dumps(written | fields).encode() + b"\n"
