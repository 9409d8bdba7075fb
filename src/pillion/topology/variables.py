r"""Puts environment variables in where the user wrote `${NAME}` or `${NAME:-default}`; `$${` writes a plain `${`.

It is done value by value after the YAML is read, so whatever a variable holds, it stays inside one value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pillion.topology.finding import Code
from pillion.topology.wording import quote

_MARKER: Final = re.compile(r"\$\$\{|\$\{(?P<name>[^}]*)(?P<end>\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX.1, section 8.1, with lower case


@dataclass(frozen=True)
class Filled:
    """A value with its variables put in, and what went wrong with them as (code, message)."""

    text: str
    from_environment: bool
    mistakes: tuple[tuple[Code, str], ...] = ()


def fill(text: str, environ: Mapping[str, str]) -> Filled:
    """Replace every `${NAME}` in `text` by its value in `environ`. No message holds a variable's value.

    With a default, that takes the place of a value that is missing or empty (POSIX.1, section 2.6.2).
    """
    mistakes: dict[tuple[Code, str], None] = {}
    used = False

    def value(match: re.Match[str]) -> str:
        nonlocal used
        if match["name"] is None:
            return "${"
        name, has_default, default = match["name"].partition(":-")
        used = True
        if not match["end"] or not _NAME.fullmatch(name):
            shown = quote(match[0])
            mistakes[
                "bad-variable", f"{shown} is not a variable: write ${{NAME}}, or $${{ for a plain ${{"
            ] = None
            return ""
        if has_default:
            return environ.get(name) or default
        if name not in environ:
            mistakes["missing-variable", f"the environment variable {quote(name)} is not set"] = None
            return ""
        return environ[name]

    return Filled(_MARKER.sub(value, text), used, tuple(mistakes))
