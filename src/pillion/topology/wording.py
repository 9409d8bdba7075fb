"""How the user's own words are shown inside a message."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from pillion.topology.finding import KeyPath

_LONGEST: Final = 80  # characters of a value that a message quotes


def quote(text: str) -> str:
    """Put `text` in quotation marks, on one line, cut short and without characters that act on a terminal."""
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    mark = '"' if "'" in shown and '"' not in shown else "'"
    return mark + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown) + mark


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest of the `known` words; empty when none is near."""
    near = nearest(word, known)
    return f"did you mean {quote(near[0])}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Find the one of the `known` words that is most like `word`, if one is alike at all."""
    return difflib.get_close_matches(word[:_LONGEST], list(known), n=1, cutoff=0.6)


def one_of(words: Sequence[str]) -> str:
    """Write words as a choice: 'a', 'b' or 'c'."""
    *most, last = map(quote, words)
    return f"{', '.join(most)} or {last}" if most else last


def key_name(path: KeyPath) -> str:
    """Write a path as the user would: services.orders.calls[0]."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            shown = part if part and all(c.isalnum() or c in "_-" for c in part) else quote(part)
            name += f".{shown}" if name else shown
    return name
