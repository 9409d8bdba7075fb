"""Audit lines among what the pods of a cluster print, as `kubectl logs` or stern hands it on.

Envoys in pods write the audit log to their standard output. Where what is handed on says which container printed
a line, a service that prints something like one is not believed.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pillion.audit.line import EDGE, EGRESS, INBOUND, Line, parse

# The containers in which Envoys run: those of sidecars, and the edge's.
CONTAINERS: Final = frozenset({"pillion-sidecar", "envoy"})

_COLOUR: Final = re.compile(rb"\x1b\[[0-9;]*m")
_TIME: Final = rb"(?:\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) )?"
_NAME: Final = rb"[a-z0-9][a-z0-9.-]*"
# What stands before a line: nothing; kubectl's `--prefix`; stern's pod and container. Then a time may come.
_BEFORE: Final = re.compile(
    rb"(?:\[pod/%b/(?P<kubectl>%b)\] |%b (?P<stern>%b) )?%b" % (_NAME, _NAME, _NAME, _NAME, _TIME)
)
_KINDS: Final = frozenset({EDGE, EGRESS, INBOUND})


def lines(printed: Iterable[bytes]) -> Iterator[Line]:
    """Give the lines of the audit log, in the order in which they come; others are left out."""
    for raw in printed:
        before, brace, rest = raw.partition(b"{")
        if not brace or not _is_of_an_envoy(before):
            continue
        line = parse(brace + rest)
        # Other programs write JSON with a time as well.
        if line is not None and line.raw.get("kind") in _KINDS and "request_id" in line.raw:
            yield line


def _is_of_an_envoy(before: bytes) -> bool:
    found = _BEFORE.fullmatch(_COLOUR.sub(b"", before))
    if found is None:
        return False
    container = found["kubectl"] or found["stern"]
    return container is None or container.decode() in CONTAINERS
