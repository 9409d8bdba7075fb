r"""Environment variables that a text refers to: `${NAME}`, `${NAME:-default}`, and `$${` for a plain `${`.

Also puts them into what a program is told in a JSON file, value by value once it is parsed: whatever a variable
holds, it stays inside one value. Such a file lists under `environment` the variables that it takes, and no others
are put in; one without that key holds plain text alone.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

# The key of a file under which the names of its variables stand.
KEY: Final = "environment"

_MARKER: Final = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX.1, section 8.1, with lower case


class VariablesError(ValueError):
    """What is told cannot be completed; the message names the variables, never a value."""


@dataclass(frozen=True)
class Reference:
    """What refers to a variable, as it was `written`: no name unless `sound`; `default` stands after `:-`."""

    written: str
    name: str
    default: str | None
    sound: bool


def replace(text: str, value: Callable[[Reference], str]) -> str:
    """Put what `value` gives in the place of each reference."""

    def instead(match: re.Match[str]) -> str:
        return "${" if match["inside"] is None else value(_reference(match))

    return _MARKER.sub(instead, text)


def references(text: str) -> Iterator[Reference]:
    """Find them, in their order."""
    return (_reference(match) for match in _MARKER.finditer(text) if match["inside"] is not None)


def without_defaults(text: str) -> str:
    """Leave each sound reference as it is, but for its default."""

    def instead(match: re.Match[str]) -> str:
        found = None if match["inside"] is None else _reference(match)
        return f"${{{found.name}}}" if found and found.sound else match[0]

    return _MARKER.sub(instead, text)


def escape(text: str) -> str:
    """Write a text so that it refers to nothing, and means itself."""
    return text.replace("${", "$${")


def names(told: Any) -> tuple[str, ...]:
    """Give the variables that a file takes, of its content; raises VariablesError if that is no list of names."""
    found = told.get(KEY, []) if isinstance(told, dict) else []
    if not isinstance(found, list) or not all(
        isinstance(name, str) and _NAME.fullmatch(name) for name in found
    ):
        raise VariablesError(f"{KEY}: must be a list of the names of variables")
    return tuple(found)


def complete(told: Any, environ: Mapping[str, str]) -> Any:
    """Give the content of a file with its variables put in, without the key that lists them.

    Raises VariablesError for all that are missing at once, and for references to others.
    """
    if not isinstance(told, dict) or KEY not in told:
        return told
    known = names(told)
    # Nothing that is taken in this way may be empty: it is a secret, or where one is kept.
    if missing := [name for name in known if not environ.get(name)]:
        which = f"variables {', '.join(missing)} are" if len(missing) > 1 else f"variable {missing[0]} is"
        raise VariablesError(f"the environment {which} not set, or empty")
    values = {name: environ[name] for name in known}
    return {key: _complete(value, values) for key, value in told.items() if key != KEY}


def _complete(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _complete(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_complete(each, values) for each in value]
    return replace(value, lambda reference: _value(reference, values)) if isinstance(value, str) else value


def _value(reference: Reference, values: Mapping[str, str]) -> str:
    if reference.sound and reference.default is None and reference.name in values:
        return values[reference.name]
    raise VariablesError(f"{reference.written[:80]!r} refers to no variable that is listed under '{KEY}'")


def _reference(match: re.Match[str]) -> Reference:
    name, has_default, default = match["inside"].partition(":-")
    sound = bool(match["end"] and _NAME.fullmatch(name))
    return Reference(match[0], name if sound else "", default if has_default else None, sound)
