"""The YAML of what is rendered: one writer of our own, since a thousand services have a hundred megabytes of it.

It writes what our documents are made of (mappings, lists, texts, numbers, true and false) in block style, and a
text of several lines as a block, so that a person can read it. A text that could be taken for something else is
quoted as JSON, which is YAML.
"""

import json
import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

# What no reader of YAML 1.1 or 1.2 takes for a number, a truth value, a time or syntax.
_PLAIN: Final = re.compile(
    r"(?=[^0-9]*[A-Za-z/])[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*", re.ASCII
)
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
# Texts of several lines that a block scalar gives back to the letter (YAML 1.2.2, section 8.1).
_BLOCK: Final = re.compile(r"[^\s][^\r\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*", re.DOTALL)

Lines = list[str]


class Raw(str):
    """What is written as it stands."""

    __slots__ = ()


class Kept(dict[str, Any]):
    """A mapping that stands in many documents, and whose text is worked out once: it must not change any more."""

    @cached_property
    def lines(self) -> Lines:
        """Give its lines."""
        out: Lines = []
        for key, each in self.items():
            _entry(out, f"{_one_line(key)}:", each, "")
        return out


def document(value: Mapping[str, Any]) -> str:
    """Write one document."""
    out: Lines = []
    _mapping(out, value, "")
    return "\n".join([*out, ""])


def _mapping(out: Lines, value: Mapping[str, Any], indent: str) -> None:
    if isinstance(value, Kept):
        out.extend([f"{indent}{line}" if line else "" for line in value.lines])
        return
    for key, each in value.items():
        _entry(out, f"{indent}{_one_line(key)}:", each, indent)


def _entry(out: Lines, lead: str, value: Any, indent: str) -> None:
    """Write what comes after `lead`, a key or the dash of an item."""
    if isinstance(value, Mapping) and value:
        out.append(lead)
        _mapping(out, value, f"{indent}  ")
    elif isinstance(value, list | tuple) and value:
        out.append(lead)
        for each in value:
            _item(out, each, indent)
    elif isinstance(value, str) and "\n" in value and not isinstance(value, Raw):
        _several_lines(out, lead, value, indent)
    else:
        out.append(f"{lead} {_scalar(value)}")


def _item(out: Lines, value: Any, indent: str) -> None:
    if isinstance(value, Mapping) and value:
        first = len(out)
        _mapping(out, value, f"{indent}  ")
        out[first] = f"{indent}- {out[first][len(indent) + 2 :]}"
    else:
        _entry(out, f"{indent}-", value, indent)


def _several_lines(out: Lines, lead: str, value: str, indent: str) -> None:
    """Keep the last line break, or that there is none."""
    lines = value.split("\n")
    ended = not lines[-1]
    if not _BLOCK.fullmatch(value) or (ended and not lines[-2]):
        out.append(f"{lead} {_quoted(value)}")
        return
    out.append(f"{lead} {'|' if ended else '|-'}")
    out.extend([f"{indent}  {line}" if line else "" for line in (lines[:-1] if ended else lines)])


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    return str(value) if isinstance(value, Raw) else _one_line(value)


@lru_cache(maxsize=4096)
def _one_line(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
