"""Paths of requests, as services and rules claim them: by whole segments, in one normal form."""

import posixpath
import string
from typing import Final

from pillion.topology.fitness import unfit
from pillion.topology.wording import quote
from pillion.vocabulary import IDENTITY_PATHS

# Identity's pages, and the space in which the edge itself asks identity.
RESERVED: Final = (*IDENTITY_PATHS, "/-")

# RFC 3986, section 2.3. Envoy's normalize_path undoes the escapes of these characters alone: a rule for a
# path with any other would be got round by a request that writes it as %XX.
_UNRESERVED: Final = frozenset(string.ascii_letters + string.digits + "-._~")
_NAMED: Final = {
    "%": "an escape ('%')",
    "?": "a query ('?')",
    "#": "a fragment ('#')",
    "*": "a pattern ('*'), though a path takes in all below it",
    " ": "a space",
}


def parse_path(written: str) -> str:
    """Read a path; it must be in the one form in which Envoy compares paths after normalising them."""
    if not written:
        raise unfit("bad-path", "a path is needed here, such as /api")
    for character in written:
        if character not in _UNRESERVED and character != "/":
            name = _NAMED.get(character, f"the character {quote(character)}")
            message = f"{{written}} holds {name}: a path is made of A-Z, a-z, 0-9, '-', '.', '_', '~' and '/'"
            whole = written.removesuffix("*").rstrip("/")
            raise unfit(
                "bad-path", message, f"write {quote(whole)}" if character == "*" and _is_path(whole) else ""
            )
    normal = posixpath.normpath(f"/{written.lstrip('/')}")
    if written != normal:
        message = (
            "{written} is not a normal path: one '/' before each segment, none at the end, no '.' or '..'"
        )
        raise unfit("bad-path", message, f"write {quote(normal)}")
    return written


def _is_path(text: str) -> bool:
    return text.startswith("/") and all(character in _UNRESERVED | {"/"} for character in text)


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
