"""What may be true of a request: the few conditions of which all that rules ask for is made.

Envoy is told them (`pillion.envoy.principals`), and `pillion check --explain` holds them against a caller: two
readings of one value, so that what is explained is what is done.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Value = str | int | bool

# Of this mesh itself, among the issuers, which have names.
OWN: Final = ""

# A text of visible ASCII, at least one character. As a header it is what it was as a claim: blanks around it would
# be lost (RFC 9110, section 5.5), a blank alone would leave the header empty, and a NUL would break the request.
VISIBLE: Final = "[!-~]+"


@dataclass(frozen=True)
class SomeText:
    """A text of visible ASCII."""


@dataclass(frozen=True)
class Is:
    """Just this value, of just this kind: neither `"1"` nor `true` is 1."""

    value: Value


@dataclass(frozen=True)
class Has:
    """A list in which this value occurs."""

    value: Value


@dataclass(frozen=True)
class Says:
    """A text of words with single blanks between them (RFC 6749, section 3.3), one of which is this."""

    word: str


@dataclass(frozen=True)
class Claim:
    """The verified token is of `issuer`, and what it says at `path` is as `match` describes."""

    issuer: str
    path: tuple[str, ...]
    match: SomeText | Is | Has | Says


@dataclass(frozen=True)
class CameFrom:
    """The connection is one of these workloads', by its SPIFFE id."""

    ids: tuple[str, ...]


@dataclass(frozen=True)
class AllOf:
    """All of these hold; of none, they do."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of these holds."""

    conditions: tuple["Condition", ...]


Condition = Claim | CameFrom | AllOf | AnyOf

ALWAYS: Final = AllOf(())


def all_of(*conditions: Condition) -> Condition:
    """Ask for all of these; for one, as it is."""
    return conditions[0] if len(conditions) == 1 else AllOf(conditions)


def any_of(*conditions: Condition) -> Condition:
    """Ask for one of these; for the only one, as it is."""
    return conditions[0] if len(conditions) == 1 else AnyOf(conditions)


@dataclass(frozen=True)
class Caller:
    """Who asks: `claims` of a good token of `issuer`, None without a token; `workload` is the SPIFFE id."""

    claims: Mapping[str, Any] | None = None
    issuer: str = OWN
    workload: str = ""


def holds(condition: Condition, caller: Caller) -> bool:
    """Tell whether a condition is true of a caller."""
    match condition:
        case Claim():
            if caller.claims is None or caller.issuer != condition.issuer:
                return False
            return _matches(condition.match, _at(caller.claims, condition.path))
        case CameFrom():
            return caller.workload in condition.ids
        case AllOf():
            return all(holds(one, caller) for one in condition.conditions)
        case AnyOf():
            return any(holds(one, caller) for one in condition.conditions)


def _at(claims: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Find what a token says at `path`; None if nothing. No path leads into a list."""
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _matches(match: SomeText | Is | Has | Says, said: Any) -> bool:
    match match:
        case SomeText():
            return isinstance(said, str) and re.fullmatch(VISIBLE, said) is not None
        case Is():
            return _same(match.value, said)
        case Has():
            return isinstance(said, list) and any(_same(match.value, one) for one in said)
        case Says():
            return isinstance(said, str) and match.word in said.split(" ")


def _same(value: Value, said: Any) -> bool:
    """Compare as JSON does (RFC 8259, section 3): a number is no truth value, and any number is a double."""
    if isinstance(value, bool) or isinstance(said, bool):
        return value is said
    if isinstance(value, int):
        return isinstance(said, int | float) and math.isfinite(said) and float(said) == value
    return isinstance(said, str) and said == value
