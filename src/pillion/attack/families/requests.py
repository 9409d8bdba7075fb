"""Requests of odd methods, versions and sizes: none may reflect, tunnel or fell anything."""

from collections.abc import Callable
from typing import Final

from pillion.attack import wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, Family, Outcome, held, through, unclear
from pillion.attack.target import Target
from pillion.attack.wire import Answer
from pillion.vocabulary import SIGN_IN_PATH

_TRACE: Final = "CWE-693; RFC 9110, section 9.3.8"
_LARGE: Final = "CWE-770"
_TUNNEL: Final = "CWE-441; RFC 9110, section 9.3.6"
_CANARY: Final = "attack-canary"
_HUGE: Final = 100_000
_BODY: Final = 2_000_000


def _control(target: Target) -> str | None:
    field = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field, f"X-Note: {_CANARY}"))


def _reflected(method: str) -> Attack:
    def run(target: Target) -> Outcome:
        bearer = f"Authorization: Bearer {target.token}"
        answers = [
            wire.request(target.edge, method, path, *fields)
            for path in (target.places.open.path, target.places.protected.path)
            for fields in (
                (f"X-Note: {_CANARY}",),
                (f"X-Note: {_CANARY}", bearer, target.browser.cookie(target.cookies)),
            )
        ]
        told = next(
            (one for one in answers if f"X-Note: {_CANARY}".lower().encode() in one.body.lower()), None
        )
        return (
            through(f"{told}: the request came back, credentials too")
            if told
            else held("; ".join(dict.fromkeys(map(str, answers))))
        )

    return Attack(method, _TRACE, "a request that comes back with its credentials", run)


def _refused(name: str, reference: str, tried: str, ask: Callable[[Target], Answer]) -> Attack:
    return Attack(name, reference, tried, lambda target: judged(ask(target)))


def _tunnel(target: Target) -> Outcome:
    """Ask the edge to connect us to a server of our own, and to a service behind it."""
    bearer = f"Authorization: Bearer {target.token}"
    addresses = [
        target.bait.url.partition("://")[2],
        *(f"{door.host}:{door.port}" for door in target.services[:1]),
    ]
    answers = [
        wire.ask(target.edge, f"CONNECT {address} HTTP/1.1", f"Host: {address}", bearer)
        for address in addresses
    ]
    opened = next((one for one in answers if one.status is not None and one.status < 300), None)
    return through(f"{opened}: a tunnel") if opened else held("; ".join(map(str, answers)))


def _upgrade(name: str, *fields: str) -> Attack:
    def run(target: Target) -> Outcome:
        answer = wire.request(target.edge, "GET", target.places.open.path, *fields)
        if answer.status == 101:
            return through(f"{answer}: what follows is checked by nobody")
        return (
            unclear(str(answer)) if answer.status is not None and answer.status >= 500 else held(str(answer))
        )

    return Attack(name, "RFC 9113, section 3.1; CWE-444", f"{' and '.join(fields)}", run)


def _open(target: Target, *fields: str) -> Answer:
    return wire.request(target.edge, "GET", target.places.open.path, *fields)


def _large_body(target: Target) -> Answer:
    return wire.request(
        target.edge, "POST", SIGN_IN_PATH, "Content-Type: application/json", body=b"x" * _BODY
    )


def _deep_body(target: Target) -> Answer:
    return wire.request(
        target.edge, "POST", SIGN_IN_PATH, "Content-Type: application/json", body=b"[" * 50_000
    )


FAMILY: Final = Family(
    "odd requests",
    _control,
    (
        _reflected("TRACE"),
        _reflected("TRACK"),
        Attack("CONNECT", _TUNNEL, "a tunnel to a server of our own, and to a service", _tunnel),
        _upgrade(
            "an upgrade to h2c",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
        _upgrade("an upgrade to TLS", "Connection: Upgrade", "Upgrade: TLS/1.2"),
        _refused(
            "a huge header",
            _LARGE,
            "a header of 100 kB",
            lambda target: _open(target, f"X-Note: {'x' * _HUGE}"),
        ),
        _refused(
            "many headers", _LARGE, "a thousand headers", lambda target: _open(target, *["X-Note: x"] * 1000)
        ),
        _refused(
            "a huge cookie",
            _LARGE,
            "a cookie of 100 kB",
            lambda target: _open(target, f"Cookie: a={'x' * _HUGE}"),
        ),
        _refused(
            "a huge token",
            _LARGE,
            "a token of 100 kB",
            lambda target: _open(target, f"Authorization: Bearer {'x' * _HUGE}"),
        ),
        _refused(
            "a huge path",
            _LARGE,
            "a path of 100 kB",
            lambda target: wire.request(target.edge, "GET", f"{target.places.open.path}?{'x' * _HUGE}"),
        ),
        _refused("a huge body", _LARGE, "two megabytes, to sign in", _large_body),
        _refused("a deep body", "CWE-674", "fifty thousand brackets, to sign in", _deep_body),
        _refused(
            "a NUL in a header",
            "CWE-158",
            "a header with a NUL",
            lambda target: _open(target, "X-Note: a\0b"),
        ),
        _refused(
            "HTTP/0.9",
            "RFC 9112, section 2.3",
            "a request without a version",
            lambda target: wire.exchange(
                target.edge, f"GET {target.places.protected.path}\r\n\r\n".encode(), ("GET",)
            )[0],
        ),
        _refused(
            "two hosts",
            "RFC 9112, section 3.2",
            "a request to two hosts",
            lambda target: _open(target, f"Host: {target.edge.authority}", "Host: attack.invalid"),
        ),
        _refused(
            "no host",
            "RFC 9112, section 3.2",
            "a request to no host",
            lambda target: wire.exchange(
                target.edge, wire.head(f"GET {target.places.open.path} HTTP/1.1"), ("GET",)
            )[0],
        ),
    ),
)
