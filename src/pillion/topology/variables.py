r"""Puts environment variables in where the user wrote `${NAME}` or `${NAME:-default}`; `$${` writes a plain `${`.

It is done value by value after the YAML is read, so whatever a variable holds, it stays inside one value.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pillion.environment import Reference, replace
from pillion.topology.finding import Code
from pillion.topology.wording import quote


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

    def value(found: Reference) -> str:
        nonlocal used
        used = True
        if not found.sound:
            message = f"{quote(found.written)} is not a variable: write ${{NAME}}, or $${{ for a plain ${{"
            mistakes["bad-variable", message] = None
            return ""
        if found.default is not None:
            return environ.get(found.name) or found.default
        if found.name not in environ:
            mistakes["missing-variable", f"the environment variable {quote(found.name)} is not set"] = None
            return ""
        return environ[found.name]

    return Filled(replace(text, value), used, tuple(mistakes))
