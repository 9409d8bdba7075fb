"""Paths of requests, as services and rules claim them: by whole segments, in one normal form."""

from typing import Final

from pillion.topology.fitness import unfit
from pillion.vocabulary import IDENTITY_PATHS

# Identity's pages, and the space in which the edge itself asks identity.
RESERVED: Final = (*IDENTITY_PATHS, "/-")

# What decodes, splits or ends a path in one program and not in the next, so that a rule would be got round.
_REFUSED: Final = {
    "%": "an escape",
    "?": "a query",
    "#": "a fragment",
    ";": "a path parameter",
    "\\": "a backslash",
    "*": "a pattern",
    " ": "a space",
}


def parse_path(written: str) -> str:
    """Read a path; it must be in the one form in which Envoy compares paths after normalising them."""
    for character, name in _REFUSED.items():
        if character in written:
            why = "; a path takes in all below it" if character == "*" else ""
            raise unfit("bad-path", f"{{written}} holds {name} ('{character}'), which no path here may{why}")
    if not all("!" <= character <= "~" for character in written):
        raise unfit("bad-path", "{written} holds a character that is not visible ASCII")
    segments = [segment for segment in written.split("/") if segment]
    if "." in segments or ".." in segments:
        raise unfit("bad-path", "{written} holds a segment '.' or '..': write the path that it leads to")
    normal = "/" + "/".join(segments)
    if not written:
        raise unfit("bad-path", "a path is needed here, such as /api")
    if written != normal:
        message = "{written} is not a normal path: one '/' before each segment and none at the end"
        raise unfit("bad-path", message, f"write '{normal}'")
    return written


def parse_claimed_path(written: str) -> str:
    """Read a path that a service claims at the edge; identity's own paths cannot be claimed."""
    path = parse_path(written)
    for reserved in RESERVED:
        if covers(reserved, path) and path != "/":
            raise unfit(
                "reserved-path", f"{{written}} belongs to Pillion, which answers all of '{reserved}' itself"
            )
    return path


def covers(outer: str, inner: str) -> bool:
    """Tell whether a request for `inner` is also one for `outer`: the same path or below it."""
    return outer in {"/", inner} or inner.startswith(f"{outer}/")
