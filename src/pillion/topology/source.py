"""The content of the file as plain data, with the place of every key and value.

Whatever is found wrong becomes a Problem here and nowhere else, so that none can lack a place.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillion.problem import Place, Problem
from pillion.topology.finding import Finding, KeyPath, Mark
from pillion.topology.nodes import DEEPEST, MOST_VALUES, BrokenTextError, Node
from pillion.topology.secrets import is_one, leave
from pillion.topology.variables import fill
from pillion.topology.wording import key_name, quote

# YAML 1.2.2, section 10.3.2 (the core schema): the plain words that are not text.
_EMPTY: Final = re.compile(r"|~|null|Null|NULL")
_TRUTH: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_NUMBER: Final = re.compile(
    r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
# A number that is what it looks like: 007 is not, and a longer one is not exact in JSON (RFC 8259, section 6).
_EXACT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
# Tabs and line ends may stand in a command; other control characters and lone surrogates nowhere.
_UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True)
class Spot:
    """Where a value and its key stand, and how the value was written if it is a scalar."""

    key: Mark
    value: Mark
    written: str = ""
    from_environment: bool = False


@dataclass(frozen=True)
class Source:
    """What the file says: `data` as dicts, lists and scalars, and a spot for every path in it.

    A number stands in `data` as it is where it is a whole one of 15 digits at most, and else as NaN, which nothing
    can be held against. `findings` are the mistakes met on the way; a path in them holds no
    usable value.
    """

    file: str
    lines: tuple[int, ...]
    data: Any
    spots: Mapping[KeyPath, Spot]
    findings: tuple[Finding, ...]

    def problem(self, finding: Finding) -> Problem:
        """Give a finding its place: the spot of its path, or of the nearest key above that exists."""
        path = finding.path
        while path not in self.spots:
            path = path[:-1]
        spot = self.spots[path]
        written = quote(str(path[-1]) if finding.on_key and path else spot.written)
        mark = finding.mark or (spot.key if finding.on_key else spot.value)
        return Problem(
            place=place(self.file, self.lines, mark),
            code=finding.code,
            key=key_name(finding.path),
            message=finding.message.replace("{written}", written),
            hint="" if spot.from_environment and not finding.on_key else finding.hint,
        )

    def value(self, path: KeyPath) -> Any:
        """Find the value at `path`; None when there is none."""
        value = self.data
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def written(self, path: KeyPath) -> str:
        """Quote the scalar at `path` as the user wrote it, before variables were put in."""
        return quote(self.spots[path].written)


def line_lengths(text: str) -> tuple[int, ...]:
    """Count the characters of each line of `text`."""
    return tuple(map(len, re.split("\r\n|[\n\r\x85\u2028\u2029]", text)))


def place(file: str, lines: tuple[int, ...], mark: Mark) -> Place:
    """Make a place of a mark, kept inside the file: YAML's end of the text may lie one line below it."""
    if mark.line > len(lines):
        return Place(file, len(lines), lines[-1] + 1)
    return Place(file, mark.line, min(mark.column, lines[mark.line - 1] + 1))


def read_nodes(
    file: str, text: str, top: Node, environ: Mapping[str, str], *, leave_secrets: bool = False
) -> Source:
    """Turn the nodes of `text` into plain data with places, variables put in from `environ`.

    Those of secrets may be left, see `secrets`. Raises BrokenTextError where aliases make the file larger or
    deeper than any topology is.
    """
    walk = _Walk(environ, leave_secrets, {}, [])
    data = walk.value((), top, top.mark)
    return Source(file, line_lengths(text), data, walk.spots, tuple(walk.findings))


def _number(text: str) -> int | float:
    return int(text) if _EXACT.fullmatch(text) else math.nan


def _bad_key(path: KeyPath, key: Node) -> Finding:
    if key.kind == "mapping":  # {{NAME}}: the whole value is not what was meant
        return Finding(path, "bad-key", "a mapping cannot be a key", "a variable is written ${NAME}")
    return Finding(path, "bad-key", "a key must be one word", mark=key.mark)


@dataclass(frozen=True)
class _Walk:
    environ: Mapping[str, str]
    leave_secrets: bool
    spots: dict[KeyPath, Spot]
    findings: list[Finding]

    def value(self, path: KeyPath, node: Node, key: Mark) -> Any:
        if len(self.spots) >= MOST_VALUES:
            raise BrokenTextError(key, "too-many-values", f"more than {MOST_VALUES} values, aliases counted")
        if len(path) > DEEPEST:
            raise BrokenTextError(key, "nested-too-deeply", f"more than {DEEPEST} levels inside each other")
        self.spots[path] = Spot(key, node.mark)
        if node.kind == "list":
            return [self.value((*path, i), item, item.mark) for i, item in enumerate(node.parts)]
        if node.kind == "mapping":
            return self._mapping(path, zip(node.parts[::2], node.parts[1::2], strict=True))
        return self._scalar(path, node, key)

    def _mapping(self, path: KeyPath, pairs: Iterable[tuple[Node, Node]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, node in pairs:
            if key.kind != "scalar" or _UNFIT.search(key.text):
                self.findings.append(_bad_key(path, key))
            elif key.text in result:
                message = f"already given on line {self.spots[*path, key.text].key.line}"
                self.findings.append(Finding((*path, key.text), "duplicate-key", message, mark=key.mark))
            else:
                result[key.text] = self.value((*path, key.text), node, key.mark)
        return result

    def _scalar(self, path: KeyPath, node: Node, key: Mark) -> Any:
        if node.plain and _EMPTY.fullmatch(node.text):
            # An empty value is a place after which something else stands: point at its key.
            self.spots[path] = Spot(key, key if not node.text else node.mark, node.text)
            if path:
                hint = "write one, or take the key out" if isinstance(path[-1], str) else "write one"
                self.findings.append(Finding(path, "empty-value", "there is no value here", hint))
            return None
        if node.plain and (_TRUTH.fullmatch(node.text) or _NUMBER.fullmatch(node.text)):
            self.spots[path] = Spot(key, node.mark, node.text)
            return node.text.lower() == "true" if _TRUTH.fullmatch(node.text) else _number(node.text)
        if self.leave_secrets and is_one(path):
            left = leave(path, node.text, self.environ)
            self.spots[path] = Spot(key, node.mark, node.text)
            self.findings.extend(left.mistakes)
            return left.value
        filled = fill(node.text, self.environ)
        self.spots[path] = Spot(key, node.mark, node.text, filled.from_environment)
        for code, message in filled.mistakes:
            self.findings.append(Finding(path, code, message))
        if not filled.mistakes and _UNFIT.search(filled.text):
            message = "holds a control character, which no value may"
            self.findings.append(Finding(path, "bad-character", message))
        return filled.text
