"""YAML as Kubernetes' own tools read it: version 1.1, where `yes` is true and 0644 is octal."""

import math
import re
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node
from ruamel.yaml.reader import ReaderError

_MOST_VALUES: Final = 500_000
# A line break to YAML, and to nothing that we put between lines.
_LONE_RETURN: Final = re.compile("\r(?!\n)")


class _Constructor(SafeConstructor):
    """A date is a text, as it is in JSON."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


class BrokenYamlError(Exception):
    """The text is not YAML; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        self.line, self.column = line, column
        super().__init__(message)


def compose(text: str) -> Node | None:
    """Read the one document in `text` as nodes with places, None where there is none; raises BrokenYamlError."""
    if found := _LONE_RETURN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise BrokenYamlError("a line ends in CR alone: save the file with LF, or CR and LF", line, 1)
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    node: Node | None = _read(yaml.compose, text)
    if node and _size(node, {}) > _MOST_VALUES:
        raise BrokenYamlError(f"more than {_MOST_VALUES} values, aliases counted", 1, 1)
    return node


def load(text: str) -> Any:
    """Read what the one document in `text` says, no part of it shared; raises BrokenYamlError."""
    compose(text)
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.Constructor = _Constructor
    return _unshared(_read(yaml.load, text))


def _size(node: Node, known: dict[int, float]) -> float:
    """Count the values below a node, each as often as aliases repeat it; one that holds itself has no end."""
    if id(node) not in known:
        known[id(node)] = math.inf
        below = (
            [each for entry in node.value for each in entry] if isinstance(node, MappingNode) else node.value
        )
        known[id(node)] = 1 + sum(_size(each, known) for each in below if isinstance(each, Node))
    return known[id(node)]


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unshared(each) for key, each in value.items()}
    return [_unshared(each) for each in value] if isinstance(value, list) else value


def _read(how: Any, text: str) -> Any:
    try:
        return how(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = (error.problem or "this is not YAML").splitlines()[0]
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BrokenYamlError(message, line, column) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BrokenYamlError("a character that YAML does not take", line, 1) from None
    except (YAMLError, ValueError, RecursionError):
        raise BrokenYamlError("this is not YAML", 1, 1) from None
