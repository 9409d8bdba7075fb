"""Where in a text something stands that a path names."""

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from pillion.kubernetes.inject.remark import Path
from pillion.kubernetes.inject.yaml_text import compose


def find(text: str, path: Path) -> tuple[int, int]:
    """Give line and column, from 1, of what `path` names in a document, or of the nearest above it."""
    node = compose(text)
    mark = node.start_mark if node else None
    for part in path:
        entry = _entry(node, part)
        if entry is None:
            break
        mark, node = entry
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _entry(node: Node | None, part: str | int) -> tuple[object, Node] | None:
    """Find the mark of a key or an item, and its value."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark, value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None
