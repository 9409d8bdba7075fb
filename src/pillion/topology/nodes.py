"""From the text of a YAML file to a tree of nodes that know their places.

Only what the topology needs: one document; mappings, lists and plain values; anchors within bounds. Built on
ruamel.yaml's parser events rather than its constructor, which has no place for a duplicate key, recurses as
deeply as the file asks it to, and lets an alias grow without bound.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from pillion.topology.finding import Code, Mark
from pillion.topology.wording import quote

DEEPEST: Final = 32  # levels; the topology itself has six
MOST_VALUES: Final = 20_000  # after aliases are followed; far above any real topology
_MOST_EVENTS: Final = 3 * MOST_VALUES  # a value's key, its start and its end

Kind: TypeAlias = Literal["mapping", "list", "scalar"]


@dataclass
class Node:
    """A mapping, a list or a scalar, and where it starts.

    `parts` holds a list's items, or a mapping's keys and values by turns. `plain` tells `5` from `"5"`.
    """

    kind: Kind
    mark: Mark
    text: str = ""
    plain: bool = False
    parts: list["Node"] = field(default_factory=list)


class BrokenTextError(Exception):
    """The text cannot be read on from `mark`."""

    def __init__(self, mark: Mark, code: Code, message: str, hint: str = "") -> None:
        self.mark = mark
        self.code = code
        self.message = message
        self.hint = hint
        super().__init__(message)


def parse(text: str) -> Node:
    """Read the single YAML document in `text`.

    Raises BrokenTextError for what is not YAML, is empty, or is YAML that a topology has no use for.
    """
    top: Node | None = None
    open_nodes: list[Node] = []
    anchors: dict[str, Node] = {}
    documents = 0
    for event in _events(text):
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise BrokenTextError(
                    _mark(event), "several-documents", "a second document starts here", "keep one"
                )
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            open_nodes.pop()
        elif isinstance(event, AliasEvent | ScalarEvent | MappingStartEvent | SequenceStartEvent):
            node = _node(event, anchors, open_nodes)
            if open_nodes:
                open_nodes[-1].parts.append(node)
            else:
                top = node
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                open_nodes.append(node)
                if len(open_nodes) > DEEPEST:
                    raise BrokenTextError(
                        node.mark, "nested-too-deeply", f"more than {DEEPEST} levels inside each other"
                    )
    if top is None or (top.kind == "scalar" and top.plain and not top.text):
        raise BrokenTextError(
            Mark(1, 1), "empty-file", "the file is empty", "start from what 'pillion init' writes"
        )
    return top


def _node(
    event: AliasEvent | ScalarEvent | MappingStartEvent | SequenceStartEvent,
    anchors: dict[str, Node],
    open_nodes: list[Node],
) -> Node:
    mark = _mark(event)
    if isinstance(event, AliasEvent):
        known = anchors.get(event.anchor)
        if known is None:
            raise BrokenTextError(mark, "yaml-syntax", f"no anchor is named {quote(event.anchor)}")
        if any(known is node for node in open_nodes):
            raise BrokenTextError(mark, "alias-loop", f"the alias {quote(event.anchor)} contains itself")
        return known
    if event.tag is not None and event.tag != "!":
        raise BrokenTextError(
            mark, "tag-not-allowed", f"the YAML tag {quote(str(event.tag))} is not used here", "leave it out"
        )
    if isinstance(event, ScalarEvent):
        plain = event.style is None and event.tag is None
        node = Node("scalar", mark, text=event.value, plain=plain)
    else:
        node = Node("mapping" if isinstance(event, MappingStartEvent) else "list", mark)
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _events(text: str) -> Iterator[Event]:
    """Run ruamel.yaml's parser; its errors come out in our form."""
    reader = YAML(typ="safe", pure=True)
    last = Mark(1, 1)
    try:
        for count, event in enumerate(reader.parse(text)):
            last = _mark(event)
            if count > _MOST_EVENTS:
                raise BrokenTextError(last, "too-many-values", f"more than {MOST_VALUES} values")
            yield event
    except MarkedYAMLError as error:
        raise _syntax_error(error, text, last) from None
    except ReaderError as error:
        before = text[: error.position]
        place = Mark(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise BrokenTextError(
            place, "bad-character", f"the character {ascii(text[error.position])[1:-1]} cannot stand in YAML"
        ) from None
    except (YAMLError, ValueError, OverflowError):
        # The scanner passes an escape such as "\U00110000", beyond Unicode's end, to chr().
        raise BrokenTextError(last, "yaml-syntax", "not YAML: after here something cannot be read") from None


def _syntax_error(error: MarkedYAMLError, text: str, last: Mark) -> BrokenTextError:
    """Say what ruamel.yaml stumbled over; the commonest mistakes in our own words."""
    mark = error.problem_mark or error.context_mark
    what = " ".join(str(error.problem or error.context or "something cannot be read").split())
    if mark is None:
        return BrokenTextError(last, "yaml-syntax", f"not YAML: {what}")
    line = text[text.rfind("\n", 0, mark.index) + 1 :].partition("\n")[0]
    hint = ""
    if text[mark.index : mark.index + 1] == "\t":
        what, hint = "a tab where only spaces may stand", "indent with spaces"
    elif error.context == "while scanning a quoted scalar" and "end of stream" in what:
        what, mark = "the quotation mark that opens here is never closed", error.context_mark or mark
    elif what.startswith("expected <block end>"):
        what, hint = "this belongs to nothing above it", "look at the indentation and the quotation marks"
    elif "${" in line:
        hint = "inside { } or [ ], put a value with ${NAME} in quotation marks"
    elif what.startswith("mapping values are not allowed"):
        what, hint = "a key stands where none can", "put a text that holds ': ' in quotation marks"
    return BrokenTextError(Mark(mark.line + 1, mark.column + 1), "yaml-syntax", f"not YAML: {what}", hint)
