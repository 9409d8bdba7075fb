"""Cookies that somebody planted (a sibling domain, an old path), and what anybody can do with the real ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pillion.attack import people, wire
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, through, unclear
from pillion.attack.target import Browser, Target
from pillion.vocabulary import ME_PATH

_TOSSED: Final = "RFC 6265, section 8.6; CWE-565"
_KEPT: Final = "RFC 6265bis, section 4.1.3; CWE-1004"
_LEAKED: Final = "CWE-200"


def _control(target: Target) -> str | None:
    """See that both are signed in: what is planted must be worth something."""
    for browser, account in ((target.browser, target.user), (target.attacker, target.other)):
        answer = wire.request(target.edge, "GET", ME_PATH, browser.cookie(target.cookies))
        if answer.json().get("email") != account.email:
            return f"the cookies of somebody who has signed in were answered {answer}"
    return None


def _tossed(
    name: str, cookies: Callable[[Target, Browser], tuple[str, ...]], reference: str = _TOSSED
) -> Attack:
    """Make the attack that plants the attacker's cookies: the victim would act as the attacker."""

    def run(target: Target) -> Outcome:
        answer = wire.request(target.edge, "GET", ME_PATH, *cookies(target, target.attacker))
        if answer.json().get("email") == target.other.email:
            return through(f"{answer}: the attacker's session counts")
        if answer.status is not None and answer.status >= 500:
            return unclear(str(answer))
        return held(f"{answer}: {'the user' if answer.status == 200 else 'nobody'}")

    return Attack(name, reference, "the attacker's cookies beside the victim's", run)


def _pairs(target: Target, browser: Browser) -> tuple[str, str]:
    return f"{target.cookies.session}={browser.session}", f"{target.cookies.token}={browser.token}"


def _in_one(target: Target, first: Browser, second: Browser) -> tuple[str, ...]:
    return (f"Cookie: {'; '.join((*_pairs(target, first), *_pairs(target, second)))}",)


def _in_two(target: Target, first: Browser, second: Browser) -> tuple[str, ...]:
    return tuple(f"Cookie: {'; '.join(_pairs(target, browser))}" for browser in (first, second))


def _sessions_alone(target: Target, first: Browser, second: Browser) -> tuple[str, ...]:
    return (f"Cookie: {'; '.join(_pairs(target, browser)[0] for browser in (first, second))}",)


def _respelt(spelling: str) -> Callable[[Target, Browser], tuple[str, ...]]:
    """Spell the attacker's cookies otherwise, where a lenient reader reads the same; NAME and VALUE are theirs."""

    def cookies(target: Target, attacker: Browser) -> tuple[str, ...]:
        pairs = [pair.partition("=")[::2] for pair in _pairs(target, attacker)]
        return (f"Cookie: {'; '.join(spelling.replace('NAME', n).replace('VALUE', v) for n, v in pairs)}",)

    return cookies


def _respelt_case(target: Target, attacker: Browser) -> tuple[str, ...]:
    pairs = [pair.partition("=")[::2] for pair in _pairs(target, attacker)]
    return (f"Cookie: {'; '.join(f'{name.upper()}={value}' for name, value in pairs)}",)


def _attribute(name: str, tried: str, kept: Callable[[str, set[str]], bool]) -> Attack:
    """Make the attack that works where a cookie lacks an attribute; `kept` is told its name and attributes."""

    def run(target: Target) -> Outcome:
        answer = people.try_to_sign_in(target.edge, target.other)
        own = {key: value for key, value in answer.cookies().items() if key in _names(target)}
        if not own:
            raise CannotBeTriedError(f"signing in was answered {answer}")
        bad = [key for key, value in own.items() if not kept(key, set(value.lower().split("; ")[1:]))]
        return through(f"{bad[0]} is not kept from that") if bad else held(" and ".join(own))

    return Attack(name, _KEPT, tried, run)


def _names(target: Target) -> set[str]:
    return {target.cookies.session, target.cookies.token}


_SECURE: Final = _attribute(
    "sent in clear", "a request by http", lambda name, found: "secure" in found and name.startswith("__Host-")
)


def _in_clear(target: Target) -> Outcome:
    if not target.origin.startswith("https://"):
        raise CannotBeTriedError("the origin is http, as it may be on a laptop")
    return _SECURE.run(target)


def _at_the_service(target: Target) -> Outcome:
    """Read our cookies where a service shows what it got."""
    telling = target.places.telling
    if telling is None or not telling.service:
        raise CannotBeTriedError("no service says who is calling")
    answer = wire.request(target.edge, "GET", telling.path, target.browser.cookie(target.cookies))
    if target.browser.session.encode() in answer.body:
        return through(f"{answer}: the service got the session's cookie")
    return held(str(answer))


FAMILY: Final = Family(
    "cookies",
    _control,
    (
        _tossed("tossed before", lambda t, a: _in_one(t, a, t.browser)),
        _tossed("tossed behind", lambda t, a: _in_one(t, t.browser, a)),
        _tossed("tossed in a header before", lambda t, a: _in_two(t, a, t.browser)),
        _tossed("tossed in a header behind", lambda t, a: _in_two(t, t.browser, a)),
        _tossed("sessions alone, before", lambda t, a: _sessions_alone(t, a, t.browser)),
        _tossed("sessions alone, behind", lambda t, a: _sessions_alone(t, t.browser, a)),
        _tossed("another name's case", _respelt_case),
        _tossed("a quoted value", _respelt('NAME="VALUE"'), "RFC 2109; CVE-2023-24580"),
        _tossed("a legacy version", _respelt('$Version=1; NAME="VALUE"'), "RFC 2965; CWE-436"),
        _tossed("another prefix", _respelt("__Secure-NAME=VALUE")),
        _tossed("without a name", _respelt("=NAME=VALUE"), "RFC 6265bis, section 5.7; CVE-2022-2860"),
        _attribute("read by a script", "document.cookie", lambda _, found: "httponly" in found),
        _attribute(
            "sent by other sites",
            "a form on another site",
            lambda _, found: bool(found & {"samesite=lax", "samesite=strict"}),
        ),
        _attribute(
            "shared with sibling domains",
            "a cookie with a Domain",
            lambda _, found: not any(one.startswith("domain") for one in found),
        ),
        _attribute(
            "hidden by a longer path", "a cookie for a part of it", lambda _, found: "path=/" in found
        ),
        replace(_SECURE, run=_in_clear),
        Attack("read by a service", _LEAKED, "what a service gets of them", _at_the_service),
    ),
)
