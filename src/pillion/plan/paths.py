"""The form in which an Envoy compares a request's path with the rules: what it puts right, and what it refuses."""

import re
from typing import Final

# RFC 3986, section 3.3 and appendix A: what may stand in a path and a query as they go over the wire.
WELL_FORMED: Final = re.compile(
    r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
# RFC 3986, section 2.3: their escapes are the same as they are.
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_DOTS: Final = frozenset({".", ".."})
# An escaped slash or backslash, and NUL (`path_with_escaped_slashes_action`).
_REFUSED: Final = re.compile(r"%(?:2f|5c|00)", re.IGNORECASE)
# What a framework may take for another path: envoy/routes.py says why, and refuses it by this.
DOUBTFUL: Final = "(?is).*(?:;|%3b|%[01][0-9a-f]|%7f).*"


def normal(target: str) -> str | None:
    """Give the path of a well-formed target as routes see it; None where it is refused before there is any.

    Escapes of what needs none are undone, dot segments followed, and slashes merged, in this order, which is
    Envoy's (`normalize_path`, `merge_slashes`).
    """
    path = target.partition("?")[0]
    if _REFUSED.search(path):
        return None
    return re.sub("//+", "/", _without_dots(path))


def is_doubtful(path: str) -> bool:
    """Tell whether a path is refused before any rule."""
    return re.fullmatch(DOUBTFUL, path) is not None


def _without_dots(path: str) -> str:
    """Follow `.` and `..` (RFC 3986, section 5.2.4), also as `..;x`, but not as `%2e.;x`."""
    kept: list[str] = []
    segments = [(segment.partition(";"), _unescaped(segment)) for segment in path.split("/")[1:]]
    named = [(name if parameters else plain, plain) for (name, parameters, _), plain in segments]
    for name, plain in named:
        if name == ".." and kept:
            kept.pop()
        elif name not in _DOTS:
            kept.append(plain)
    if named[-1][0] in _DOTS:
        kept.append("")
    return "/" + "/".join(kept)


def _unescaped(segment: str) -> str:
    return _ESCAPE.sub(lambda found: _plain(found[0], chr(int(found[1], 16))), segment)


def _plain(escape: str, character: str) -> str:
    return character if _UNRESERVED.fullmatch(character) else escape
