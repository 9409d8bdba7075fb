"""The YAML of what is rendered: one writer of our own, since a thousand services have a hundred megabytes of it.

It writes what our documents are made of (mappings, lists, texts, numbers, true and false) in block style, and a
text of several lines as a block, so that a person can read it. A text that could be taken for something else is
quoted as JSON, which is YAML.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final

# What no reader of YAML 1.1 or 1.2 takes for a number, a truth value, a time or syntax; and protobuf's durations.
_PLAIN: Final = re.compile(
    r"(?=[^0-9]*[A-Za-z/])[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*|[0-9]+(?:\.[0-9]+)?s", re.ASCII
)
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
# Texts of several lines that a block scalar gives back to the letter (YAML 1.2.2, section 8.1).
_BLOCK: Final = re.compile(r"[^\s][^\r\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*", re.DOTALL)

Lines = list[str]


class Raw(str):
    """What is written as it stands."""

    __slots__ = ()


class Kept(dict[str, Any]):
    """A mapping that stands in many places, and whose text is worked out once for each depth.

    It must not change any more.
    """

    @cached_property
    def _texts(self) -> dict[str, str]:
        return {}

    def text(self, indent: str) -> str:
        """Give its lines, each behind `indent`."""
        if indent not in self._texts:
            inside = _Document()
            inside.entries(self, indent)
            self._texts[indent] = "\n".join(inside.lines)
        return self._texts[indent]


def document(value: Mapping[str, Any], *, short: bool = False) -> str:
    """Write one document.

    In a `short` one what is kept and stands there again is written once, and referred to (YAML's `&1` and `*1`).
    """
    writer = _Document(_repeated(value), step=" ") if short else _Document()
    writer.mapping(value, "")
    return "\n".join([*writer.lines, ""])


def _repeated(value: Mapping[str, Any]) -> dict[int, str]:
    """Name what stands there more than once, by its identity; outermost first, as it is written."""
    counted = Counter(map(id, _kept(value, set())))
    repeated = (identity for identity, times in counted.items() if times > 1)
    return {identity: str(number) for number, identity in enumerate(repeated, 1)}


def _kept(value: Any, seen: set[int]) -> Iterator[Kept]:
    """Find what is kept; what is inside of it stands there once, however often that is referred to."""
    if isinstance(value, Kept):
        yield value
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, dict):
        for each in value.values():
            yield from _kept(each, seen)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _kept(each, seen)


@dataclass
class _Document:
    """The lines so far; `names` those of what is to be referred to, `written` those that are there."""

    names: Mapping[int, str] = field(default_factory=dict)
    step: str = "  "
    written: set[str] = field(default_factory=set)
    lines: Lines = field(default_factory=list)

    def mapping(self, value: Mapping[str, Any], indent: str) -> None:
        if isinstance(value, Kept) and not self.names:
            self.lines.append(value.text(indent))
        else:
            self.entries(value, indent)

    def entries(self, value: Mapping[str, Any], indent: str) -> None:
        for key, each in value.items():
            self.entry(f"{indent}{_one_line(key)}:", each, indent)

    def entry(self, lead: str, value: Any, indent: str) -> None:
        """Write what comes after `lead`, a key or the dash of an item."""
        if isinstance(value, str):
            self.lines.append(f"{lead} {_text(value, indent)}")
        elif isinstance(value, dict) and value:
            name = self.names.get(id(value), "")
            if name and name in self.written:
                self.lines.append(f"{lead} *{name}")
                return
            self.lines.append(f"{lead} &{name}" if name else lead)
            self.mapping(value, f"{indent}{self.step}")
            self.written.add(name)
        elif isinstance(value, list | tuple) and value:
            self.lines.append(lead)
            for each in value:
                self.item(each, indent)
        else:
            self.lines.append(f"{lead} {json.dumps(value)}")

    def item(self, value: Any, indent: str) -> None:
        if isinstance(value, dict) and value and id(value) not in self.names:
            first = len(self.lines)
            self.mapping(value, f"{indent}  ")
            self.lines[first] = f"{indent}- {self.lines[first][len(indent) + 2 :]}"
        else:
            self.entry(f"{indent}-", value, indent)


def _text(value: str, indent: str) -> str:
    if isinstance(value, Raw):
        return str(value)
    return _several_lines(value, indent) if "\n" in value else _one_line(value)


def _several_lines(value: str, indent: str) -> str:
    """Keep the last line break, or that there is none."""
    lines = value.split("\n")
    ended = not lines[-1]
    if not _BLOCK.fullmatch(value) or (ended and not lines[-2]):
        return _quoted(value)
    body = [f"{indent}  {line}" if line else "" for line in (lines[:-1] if ended else lines)]
    return "\n".join(["|" if ended else "|-", *body])


@lru_cache(maxsize=4096)
def _one_line(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _quoted(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
