"""What a rule may ask of a token beyond roles: its scopes, and what its claims say."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictInt, StrictStr, WithJsonSchema
from pydantic.config import JsonDict

from pillion import vocabulary
from pillion.topology.fitness import unfit
from pillion.topology.trust import CLAIM, parse_claim

# RFC 6749, section 3.3: a scope holds no blank, and neither of the characters that would end it in a challenge.
SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,100}", re.ASCII)
_LONGEST_VALUE: Final = 256
# What a rule asks for in another way: roles are several, and a scope is one word of the claim.
_BY_ANOTHER_KEY: Final = {"roles": "roles", "scope": "scopes"}

Value = str | int | bool


def parse_asked_scope(written: str) -> str:
    """Read one scope."""
    if not SCOPE.fullmatch(written):
        raise unfit(
            "bad-scope", "{written} is not one scope: write each by itself, as [orders:read, orders:write]"
        )
    return written


def parse_asked_claim(written: str) -> str:
    """Read the claim that a rule looks at."""
    if written in _BY_ANOTHER_KEY:
        key = _BY_ANOTHER_KEY[written]
        raise unfit("bad-claim", f"a rule asks for {{written}} by its own key: '{key}: […]'")
    return parse_claim(written)


def parse_lent_claim(written: str) -> str:
    """Read the name by which rules ask for a claim of another issuer: none that our own tokens give a meaning."""
    if written.partition(".")[0] in vocabulary.TOKEN_CLAIMS:
        raise unfit(
            "own-claim",
            "{written} is what this mesh's own tokens say, which no other issuer can: choose another name",
        )
    return parse_claim(written)


def parse_values(value: Any) -> Any:
    """Read a value, or a list of them, as a list."""
    if not isinstance(value, list | tuple):
        return (parse_value(value),)
    values = [parse_value(one) for one in value]
    if not values:
        raise unfit("empty-list", "this list is empty", "name at least one, or take the key out")
    if any(same(one, other) for i, one in enumerate(values) for other in values[:i]):
        raise unfit("duplicate-item", "a value stands in this list twice")
    return tuple(values)


def parse_value(value: Any) -> Any:
    """Read what a claim may say: a text, a whole number, or a truth value."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        raise unfit(
            "bad-claim-value",
            "{written} is no number that a claim can be held against: whole, of 15 digits at most",
            "put it in quotation marks if the claim is a text",
        )
    if not isinstance(value, str):
        raise unfit("bad-claim-value", "a text, a number or a truth value is needed here, or a list of them")
    if not value.isprintable() or not 0 < len(value) <= _LONGEST_VALUE:
        raise unfit(
            "bad-claim-value", f"{{written}} is no value: 1 to {_LONGEST_VALUE} characters on one line"
        )
    return value


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are one: `true` is not 1."""
    return type(one) is type(other) and one == other


_CLAIM_NAME: Final = WithJsonSchema({"type": "string", "pattern": f"^({CLAIM.pattern})$"})
_VALUES: Final[list[JsonDict]] = [
    {"type": "string", "pattern": f"^.{{1,{_LONGEST_VALUE}}}$"},
    {"type": "integer"},
    {"type": "boolean"},
]
_LIST: Final[JsonDict] = {"type": "array", "items": {"anyOf": [*_VALUES]}, "uniqueItems": True, "minItems": 1}

AskedScope = Annotated[
    str,
    AfterValidator(parse_asked_scope),
    WithJsonSchema({"type": "string", "pattern": f"^{SCOPE.pattern}$"}),
]
AskedClaim = Annotated[str, AfterValidator(parse_asked_claim), _CLAIM_NAME]
LentClaim = Annotated[str, AfterValidator(parse_lent_claim), _CLAIM_NAME]
AskedValues = Annotated[
    tuple[StrictStr | StrictBool | StrictInt, ...],
    BeforeValidator(parse_values),
    WithJsonSchema({"anyOf": [*_VALUES, _LIST]}),
]
