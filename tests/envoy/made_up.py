"""Made-up rules, callers and requests, the same for the same seed: few words, so that they meet often."""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillion.plan.paths import WELL_FORMED

SEGMENTS: Final = ("a", "b", "Ab", "b.c", "~d")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
ROLES: Final = ("clerk", "manager", "owner")
SCOPES: Final = ("orders:read", "orders:write", "orders", "a.b*c", "read")
CLAIMS: Final[Mapping[str, tuple[Any, ...]]] = {
    "department": ("sales", "Sales", "é", 7, 0, True, False),
    "org.level": (1, "1", -3),
    "client_id": ("edge", "c4c1"),
    "https://shop.example/tier": ("gold",),
    "paid": (True, False, 1, 0, "true"),
}
# What tokens say besides: near to what rules ask, and not it.
ODD: Final[tuple[Any, ...]] = (
    None,
    "",
    " sales",
    "sales ",
    "7",
    7.0,
    7.5,
    1e300,
    1,
    "true",
    [],
    {},
    {"sales": 1},
    [["sales"]],
    [None],
)
LOOKS: Final = ("{word}", "x {word}", "{word} x", "x {word} y", " {word}", "{word}  x")
NO_WORDS: Final = ("x{word}", "{word}x", "{word}\n", "x\t{word}", "x\n{word} y", "{word},x")


@dataclass(frozen=True)
class Person:
    """Who asks: `issuer` is None without a token, else "" or a name; `claims` are changes of a good token."""

    issuer: str | None
    claims: Mapping[str, Any]


def rules(
    rng: random.Random, count: int, paths: tuple[str, ...], callers: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """Make up the rules of a service that has these paths; some may be such as the topology refuses.

    Most of the narrower ones come first, so that there is something left for the others.
    """
    made = [_rule(rng, paths, callers) for _ in range(count)]
    return sorted(made, key=lambda rule: rng.choice((0, 0, 1)) - rule["path"].count("/"))


def _rule(rng: random.Random, paths: tuple[str, ...], callers: tuple[str, ...]) -> dict[str, Any]:
    rule: dict[str, Any] = {"path": (rng.choice(paths) + _path(rng)).replace("//", "/").rstrip("/") or "/"}
    if rng.random() < 0.4 or rule["path"] in paths:
        rule["methods"] = rng.sample(METHODS, rng.randint(1, 3))
    if rng.random() < 0.1:
        return rule | {"allow": "anyone"}
    if rng.random() < 0.3:
        rule["roles"] = rng.sample(ROLES, rng.randint(1, 2))
    if rng.random() < 0.3:
        rule["scopes"] = rng.sample(SCOPES, rng.randint(1, 2))
    if rng.random() < 0.5:
        rule["claims"] = {
            name: _some(rng, CLAIMS[name]) for name in rng.sample(list(CLAIMS), rng.randint(1, 2))
        }
    if callers and rng.random() < 0.3:
        rule["callers"] = rng.sample(callers, rng.randint(1, len(callers)))
    if rng.random() < 0.4:
        rule["mfa"] = True
    return rule


def _some(rng: random.Random, values: tuple[Any, ...]) -> Any:
    several = rng.sample(values, rng.randint(1, min(3, len(values))))
    return several if len(several) > 1 or rng.random() < 0.3 else several[0]


def _path(rng: random.Random) -> str:
    return "/" + "/".join(rng.choice(SEGMENTS) for _ in range(rng.randint(0, 3)))


def reduced(count: int, refused: Callable[[list[int]], list[str]]) -> list[int]:
    """Leave out rule after rule until none is refused; `refused` gives the keys of the mistakes."""
    kept = list(range(count))
    while wrong := {int(found[1]) for key in refused(kept) if (found := re.search(r"rules\[(\d+)\]", key))}:
        kept = [index for place, index in enumerate(kept) if place not in wrong]
    return kept


def people(rng: random.Random, count: int) -> Iterator[Person]:
    """Make up callers: nobody, people of ours, people of `sso`, whose claims lie elsewhere."""
    for _ in range(count // 8):
        yield Person(None, {})
    for _ in range(count):
        claims: dict[str, Any] = {
            "roles": rng.choice([rng.sample(ROLES, rng.randint(0, 3)), "manager", {"0": "manager"}]),
            "scope": _scope(rng),
            "amr": rng.choice([["pwd"], ["pwd", "mfa"], "mfa", ["mfa"]]),
        }
        for name, values in CLAIMS.items():
            _put(claims, name, _said(rng, values))
        if rng.random() < 0.3:
            claims |= {"scp": [_scope(rng), rng.choice(SCOPES)], "dept": claims.pop("department", None)}
            yield Person("sso", claims)
        else:
            yield Person("", claims)


def _said(rng: random.Random, values: tuple[Any, ...]) -> Any:
    match rng.randrange(4):
        case 0:
            return rng.choice(ODD)
        case 1:
            return rng.sample([*values, *ODD], rng.randint(0, 3))
        case _:
            return rng.choice(values)


def _put(claims: dict[str, Any], name: str, value: Any) -> None:
    if name == "client_id":  # without one, a token is none of ours
        value = value if isinstance(value, str) and re.fullmatch("[!-~]+", value) else "edge"
    outer, dot, inner = name.partition(".") if ":" not in name else (name, "", "")
    claims[outer] = {inner: value} if dot else value


def _scope(rng: random.Random) -> Any:
    if rng.random() < 0.1:
        return rng.choice([None, 7, list(SCOPES), {"orders": True}])
    words = [rng.choice(LOOKS if rng.random() < 0.7 else NO_WORDS).format(word=rng.choice(SCOPES))]
    return " ".join([*words, *rng.sample(SCOPES, rng.randint(0, 3))])


def target(rng: random.Random, paths: tuple[str, ...]) -> str:
    """Make up a path as it goes over the wire, mostly below one of these, and spell it oddly now and then."""
    path = (rng.choice(paths) if rng.random() < 0.8 else "") + _path(rng).rstrip("/") or "/"
    for _ in range(rng.choice((0, 0, 1, 2))):
        respelt = _respelt(rng, path)
        path = respelt if WELL_FORMED.fullmatch(respelt) else path  # not an escape within an escape
    return path + rng.choice(("", "", "?q=/a/b;%2F"))


def _respelt(rng: random.Random, path: str) -> str:
    at = rng.randrange(len(path)) + 1
    before, after = path[:at], path[at:]
    odd = (
        "/",
        "//",
        "/.",
        "/./",
        "/..",
        "/../",
        "/%2e%2e/",
        "/.%2E",
        "%2f",
        "%5C",
        ";",
        ";x=1",
        "%3B",
        "%0a",
        "%00",
        "%7F",
    )
    fine = ("%20", "%41", "%7e", "%2D", "x", "!", "$&'()*+,=:@", "%C3%A9", "%25", "%252e", "%3F", "...", ".x")
    if rng.random() < 0.3 and after[:1].isalpha():
        return f"{before}%{ord(after[0]):02{rng.choice('xX')}}{after[1:]}"
    return before + rng.choice(odd + fine) + after


def as_yaml(value: Any) -> str:
    """Write a value as JSON, which is YAML."""
    return json.dumps(value)
