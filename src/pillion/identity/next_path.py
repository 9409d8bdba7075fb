"""Where to go on after signing in: only ever a path on this origin."""

import unicodedata
from typing import Final
from urllib.parse import quote, unquote

HOME: Final = "/"
# An authorization request is the longest of them.
LONGEST: Final = 6144
# Unicode's categories of what nobody sees: controls, formats, halves of pairs, line and paragraph ends.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def safe(wanted: str) -> str:
    """Give `wanted` if it is a path (with its query) on this origin, else `/`.

    Judged as it is and decoded once more, since whoever is sent there may decode it again. Browsers read a
    backslash as a slash and drop tabs and line ends (WHATWG URL, section 4.4), so none of these passes.
    """
    if not wanted or len(wanted) > LONGEST:
        return HOME
    if not all(_is_path(text) for text in (wanted, unquote(wanted))):
        return HOME
    # What is left may still hold characters that no header may: they travel percent-encoded (RFC 3986).
    return quote(wanted, safe="/%?#=&;:@!$'()*+,~-._[]")


def _is_path(text: str) -> bool:
    path = text.partition("?")[0]
    return (
        text.startswith("/")
        and not text.startswith("//")
        and "\\" not in path
        and "//" not in path
        and "/." not in path
        and not any(unicodedata.category(character) in _UNSEEN for character in text)
    )
