"""Manifests as text: the documents of one file, below a comment."""

from collections.abc import Iterable, Mapping
from typing import Any

from pillion import yaml_writer
from pillion.yaml_writer import Raw

__all__ = ["Raw", "joined", "manifest"]


def manifest(documents: Iterable[Mapping[str, Any]], comment: str) -> str:
    """Write documents into one file, below a comment of one or more lines."""
    return joined(map(yaml_writer.document, documents), comment)


def joined(texts: Iterable[str], comment: str) -> str:
    """Put the texts of documents into one file."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + "---\n".join(texts)
