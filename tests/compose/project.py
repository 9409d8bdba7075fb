"""Reads a project as Compose does: variables are put in, from .env alone."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_a-z][A-Z_a-z0-9]*)(?:(:-|:\?)([^}]*))?\})")


class MissingError(Exception):
    """A variable that has to be set; the message is the file's."""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Put variables in (Compose Specification, "Interpolation")."""

    def value(match: re.Match[str]) -> str:
        dollar, name, how, more = match.groups()
        if dollar:
            return "$"
        found = variables.get(name, "")
        if found or how is None:
            return found
        if how == ":-":
            return str(more)
        raise MissingError(f"{name}: {more}")

    return _VARIABLE.sub(value, text)


def variables(folder: Path) -> dict[str, str]:
    """Read .env."""
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read(folder: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Read compose.yaml, and over it compose.override.yaml, if there is one."""
    found: dict[str, Any] = {}
    for name in ("compose.yaml", "compose.override.yaml"):
        if (path := folder / name).exists():
            found = _merged(found, parsed(path.read_text(encoding="utf-8"), variables))
    return found


def parsed(text: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Read one file."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(interpolated(text, variables))
    return found


def _merged(under: Any, over: Any) -> Any:
    """Merge (Compose Specification, "Merge"): mappings by their keys; of the lists there are, the later."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: _merged(under.get(key), value) for key, value in over.items()}
    return over
