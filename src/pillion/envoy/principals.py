"""What a rule asks for, in Envoy's words: a principal for each condition of the plan.

`plan/conditions.py` reads the same conditions for `pillion check --explain`.
"""

import re
from typing import Final

from envoy_data_plane.envoy.config.rbac.v3 import Principal
from envoy_data_plane.envoy.type.matcher.v3 import (
    DoubleMatcher,
    ListMatcher,
    RegexMatcher,
    StringMatcher,
    ValueMatcher,
)

from pillion.envoy.matchers import (
    ANYBODY,
    JWT_NAMESPACE,
    SOME_STRING,
    all_of,
    any_of,
    caller_is,
    from_metadata,
    metadata,
)
from pillion.envoy.trusted import payload_key
from pillion.plan.conditions import (
    AllOf,
    AnyOf,
    CameFrom,
    Claim,
    Condition,
    Has,
    Is,
    Says,
    SomeText,
    Value,
)

# Of words with single blanks between them, any before and any behind; RE2 compares the whole text.
_ONE_WORD: Final = "(?s)(?:.* )?{word}(?: .*)?"


def principal(condition: Condition) -> Principal:
    """Match the callers of whom a condition holds."""
    match condition:
        case Claim():
            place = (payload_key(condition.issuer), *condition.path)
            return from_metadata(metadata(JWT_NAMESPACE, place, _value(condition.match)))
        case CameFrom():
            return caller_is(condition.ids)
        case AllOf(()):
            return ANYBODY
        case AllOf():
            return all_of(map(principal, condition.conditions))
        case AnyOf():
            return any_of(map(principal, condition.conditions))


def _value(match: SomeText | Is | Has | Says) -> ValueMatcher:
    match match:
        case SomeText():
            return SOME_STRING
        case Is():
            return _exactly(match.value)
        case Has():
            return ValueMatcher(list_match=ListMatcher(one_of=_exactly(match.value)))
        case Says():
            regex = RegexMatcher(regex=_ONE_WORD.format(word=re.escape(match.word)))
            return ValueMatcher(string_match=StringMatcher(safe_regex=regex))


def _exactly(value: Value) -> ValueMatcher:
    if isinstance(value, bool):
        return ValueMatcher(bool_match=value)
    if isinstance(value, int):
        return ValueMatcher(double_match=DoubleMatcher(exact=float(value)))
    return ValueMatcher(string_match=StringMatcher(exact=value))
