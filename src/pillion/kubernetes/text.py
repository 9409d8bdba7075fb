"""The YAML of manifests: one writer of our own, since a thousand services have a hundred megabytes of it.

It writes what our documents are made of (mappings, lists, texts, numbers, true and false) in block style, and a
text of several lines as a block, so that a person can read it. A text that could be taken for something else is
quoted as JSON, which is YAML.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

# What no reader of YAML 1.1 or 1.2 takes for a number, a truth value, a time or syntax.
_PLAIN: Final = re.compile(
    r"(?=[^0-9]*[A-Za-z/])[A-Za-z/][A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*", re.ASCII
)
_WORDS: Final = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
# Texts of several lines that a block scalar gives back to the letter (YAML 1.2.2, section 8.1).
_BLOCK: Final = re.compile(r"[^\s][^\r\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*", re.DOTALL)


class Raw(str):
    """What is written as it stands."""

    __slots__ = ()


def manifest(documents: Iterable[Mapping[str, Any]], comment: str) -> str:
    """Write documents into one file, below a comment of one or more lines."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + "---\n".join("".join(_lines(document, "")) for document in documents)


def _lines(value: Mapping[str, Any], indent: str) -> Iterable[str]:
    for key, each in value.items():
        yield f"{indent}{_one_line(key)}:"
        yield from _after_key(each, indent)


def _after_key(value: Any, indent: str) -> Iterable[str]:
    if isinstance(value, Mapping) and value:
        yield "\n"
        yield from _lines(value, f"{indent}  ")
    elif isinstance(value, list | tuple) and value:
        yield "\n"
        yield from _items(value, indent)
    else:
        yield f" {_scalar(value, indent)}\n"


def _items(values: Iterable[Any], indent: str) -> Iterable[str]:
    for value in values:
        if isinstance(value, Mapping) and value:
            inside = "".join(_lines(value, f"{indent}  "))
            yield f"{indent}- {inside[len(indent) + 2 :]}"
        else:
            yield f"{indent}- {_scalar(value, indent)}\n"


def _scalar(value: Any, indent: str) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, Raw):
        return str(value)
    if "\n" in value and _BLOCK.fullmatch(value):
        return _block(value, indent)
    return _one_line(value)


def _one_line(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _block(value: str, indent: str) -> str:
    """Keep the last line break, or that there is none."""
    lines = value.split("\n")
    ended = lines[-1] == ""
    if ended and len(lines) > 1 and lines[-2] == "":
        return json.dumps(value, ensure_ascii=False)
    body = "\n".join(f"{indent}  {line}" if line else "" for line in (lines[:-1] if ended else lines))
    return f"|{'' if ended else '-'}\n{body}"
