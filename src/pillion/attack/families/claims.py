"""Claims that are wrong, missing, of another time or for somebody else."""

import time
from functools import partial
from typing import Any, Final

from pillion.attack import jose, people
from pillion.attack.bearing import by_token, good_token, refused
from pillion.attack.outcome import Attack, Family, Outcome
from pillion.attack.target import Target

_HOUR: Final = 3600
# As far as clocks may differ, and a little more.
_LEEWAY_SECONDS: Final = 6.5

# Nobody but the mesh can sign these rightly: they are signed by a key of our own, under the mesh's kid.
_WRONG: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "no iss": ("RFC 9068, section 4", {"iss": None}),
    "another iss": ("RFC 9068, section 4", {"iss": "https://attack.invalid"}),
    "an iss that begins like ours": ("RFC 8725, section 3.8", {"iss": "<iss>.attack.invalid"}),
    "no aud": ("RFC 9068, section 4", {"aud": None}),
    "an empty aud": ("RFC 7519, section 4.1.3", {"aud": []}),
    "no exp": ("RFC 9068, section 2.2", {"exp": None}),
    "exp 0": ("RFC 7519, section 4.1.4", {"exp": 0}),
    "exp as text": ("RFC 7519, section 2", {"exp": "9999999999"}),
    "an exp beyond all time": ("RFC 7519, section 4.1.4", {"exp": 2**62}),
    "not yet valid": ("RFC 7519, section 4.1.5", {"nbf": _HOUR}),
    "issued in the future": ("RFC 7519, section 4.1.6", {"iat": _HOUR}),
    "no sub": ("RFC 9068, section 2.2", {"sub": None}),
    "no sid": ("OpenID Connect Back-Channel Logout 1.0, section 2.1", {"sid": None}),
}
_HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "typ JWT": ("RFC 9068, section 4", {"typ": "JWT"}),
    "no typ": ("RFC 8725, section 3.11", {"typ": None}),
    "crit with an unknown name": ("RFC 7515, section 4.1.11", {"crit": ["attack"], "attack": 1}),
    "b64 false": ("RFC 7797, section 6", {"crit": ["b64"], "b64": False}),
    "a compressed payload": ("RFC 7516, section 4.1.3", {"zip": "DEF"}),
}


def _claims(target: Target, changed: dict[str, Any]) -> str:
    filled: dict[str, Any] = {
        name: value.replace("<iss>", target.origin) if isinstance(value, str) else value
        for name, value in changed.items()
    }
    for name in ("nbf", "iat"):
        if name in filled:
            filled[name] += int(time.time())
    return jose.signed(jose.header(target.token), jose.fresh(target.token, **filled))


def _header(target: Target, changed: dict[str, Any]) -> str:
    header = {
        name: value for name, value in (jose.header(target.token) | changed).items() if value is not None
    }
    return jose.signed(header, jose.fresh(target.token))


def _for_another(target: Target) -> str:
    return people.client_token(target, target.client.audience)


def _expired(target: Target) -> Outcome:
    """Wait until clocks may differ no more, and show it then."""
    over = jose.claims(target.expired)["exp"] + _LEEWAY_SECONDS
    time.sleep(max(0.0, over - time.time()))
    return refused(target, target.expired)


FAMILY: Final = Family(
    "wrong claims",
    good_token,
    (
        *(
            by_token(
                name,
                reference,
                "a token that says so, by a key of our own",
                partial(_claims, changed=changed),
            )
            for name, (reference, changed) in _WRONG.items()
        ),
        *(
            by_token(
                name,
                reference,
                "a token with such a header, by a key of our own",
                partial(_header, changed=changed),
            )
            for name, (reference, changed) in _HEADERS.items()
        ),
        by_token(
            "for another audience",
            "RFC 9068, section 4; RFC 8707",
            "a token that the mesh signed for another audience",
            _for_another,
        ),
        Attack(
            "expired",
            "RFC 7519, section 4.1.4; CWE-613",
            "a token that the mesh signed for a second, seconds later",
            _expired,
        ),
    ),
)
