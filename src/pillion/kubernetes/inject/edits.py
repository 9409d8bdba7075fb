"""A change of what a YAML text says, made in the text: all that is not changed stays to the byte."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from pillion.kubernetes.inject import block
from pillion.kubernetes.inject.yaml_text import compose

_COLON: Final = re.compile(r"[ \t]*:")
_ALIAS: Final = re.compile(r"[ \t]*\*[^\s,\[\]{}]+")


_Entry = tuple[Node, Node]  # a key and its value


class UneditableError(Exception):
    """The text says it in a way (an alias, a tag) that cannot be changed in place."""


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


def edited(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """Change `text`, one document that says `old`, so that it says `new`; raises UneditableError."""
    line_break = "\r\n" if "\r\n" in text else "\n"
    parts, at = [], 0
    for edit in sorted(_mapping(text, compose(text), old, new), key=_position):
        if edit.start < at:
            raise UneditableError
        parts += [text[at : edit.start], edit.text.replace("\n", line_break)]
        at = edit.end
    return "".join([*parts, text[at:]])


def _position(edit: _Edit) -> tuple[int, int]:
    return edit.start, edit.end


def _mapping(text: str, node: Node | None, old: dict[str, Any], new: dict[str, Any]) -> Iterator[_Edit]:
    """Change the values of keys that are there, and add the others below them."""
    if not isinstance(node, MappingNode) or node.flow_style or not node.value:
        raise UneditableError
    written = {key.value: (key, value) for key, value in node.value}
    indent = " " * node.value[0][0].start_mark.column
    added = ""
    for key, value in new.items():
        if key not in written:
            added += block.entry(key, value, indent) if old.get(key) != value else ""
        elif old[key] != value:
            yield from _value(text, written[key], old[key], value, indent)
    if added:
        yield _below(text, _end(text, node), added)


def _value(text: str, entry: _Entry, old: Any, new: Any, indent: str) -> Iterator[_Edit]:
    """Change what stands after a key: what is inside of it where that can be done, or all of it."""
    key, node = entry
    start, end = _after_colon(text, key), _value_end(text, entry)
    in_flow = isinstance(node, CollectionNode) and bool(node.flow_style)
    in_place = node.start_mark.index >= start and not node.anchor and not in_flow
    if in_place and isinstance(old, dict) and isinstance(new, dict) and old.keys() <= new.keys():
        yield from _mapping(text, node, old, new)
    elif in_place and isinstance(node, SequenceNode) and (pairs := _aligned(old, new)):
        yield from _sequence(text, start, node, old, pairs)
    elif not isinstance(new, dict | list) or (in_flow and node.value):
        yield _Edit(start, end, f" {block.flow(new)}")
    else:
        # To the end of the line, comment included.
        yield _Edit(start, _line_end(text, end), block.after(new, indent).removesuffix("\n"))


def _aligned(old: Any, new: Any) -> list[tuple[int | None, Any]]:
    """Pair the items of a list with the numbers of those that they were, by their names; or give nothing.

    Nothing where an item is gone, or has changed its place. Where none has a name (in a `List`), as many as there
    were are those that there were.
    """
    if _grown(old, new):
        return [*enumerate(new)]
    if (
        not isinstance(new, list)
        or not old
        or not all(isinstance(one, dict) and "name" in one for one in [*old, *new])
    ):
        return []
    names = [one["name"] for one in old]
    pairs: list[tuple[int | None, Any]] = []
    at = 0
    for one in new:
        if at < len(names) and one["name"] == names[at] and old[at].keys() <= one.keys():
            pairs.append((at, one))
            at += 1
        else:
            pairs.append((None, one))
    return pairs if at == len(names) else []


def _grown(old: Any, new: Any) -> bool:
    if not isinstance(new, list) or len(old) != len(new):
        return False
    pairs = zip(old, new, strict=True)
    return all(
        isinstance(was, dict) and isinstance(now, dict) and "name" not in was and was.keys() <= now.keys()
        for was, now in pairs
    )


def _sequence(
    text: str, start: int, node: SequenceNode, old: Any, pairs: list[tuple[int | None, Any]]
) -> Iterator[_Edit]:
    """Change the items that were there, and add the new ones between them."""
    indent = " " * node.start_mark.column
    end = start
    for number, value in pairs:
        if number is None:
            yield _below(text, end, block.item(value, indent))
            continue
        each = node.value[number]
        if each.start_mark.index < end or each.anchor:
            raise UneditableError
        if old[number] != value:
            if each.flow_style:
                yield _Edit(each.start_mark.index, each.end_mark.index, block.flow(value))
            else:
                yield from _mapping(text, each, old[number], value)
        end = _end(text, each)


def _below(text: str, position: int, lines: str) -> _Edit:
    """Put whole lines below the one at `position`."""
    end = _line_end(text, position)
    return _Edit(end, end, "\n" + lines.removesuffix("\n"))


def _line_end(text: str, position: int) -> int:
    """Find where the line at `position` ends; a block scalar ends where the next line begins."""
    if position and text[position - 1] == "\n":
        position -= 1
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    return end - 1 if text[:end].endswith("\r") else end


def _after_colon(text: str, key: Node) -> int:
    found = _COLON.match(text, key.end_mark.index)
    if not found:
        raise UneditableError
    return found.end()


def _value_end(text: str, entry: _Entry) -> int:
    """Find where a key's value ends, without the comments after it, which YAML's own marks count in."""
    key, node = entry
    start = _after_colon(text, key)
    if node.start_mark.index < start:
        found = _ALIAS.match(text, start)
        if not found:
            raise UneditableError
        return found.end()
    if isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index:
        return start
    return _end(text, node)


def _end(text: str, node: Node) -> int:
    end: int = node.end_mark.index
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return end
    last = node.value[-1]
    if isinstance(node, MappingNode):
        return _value_end(text, last)
    if last.start_mark.index < node.start_mark.index:
        raise UneditableError
    return _end(text, last)
