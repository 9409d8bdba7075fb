"""A service's way out: it leads to the services in `calls`, and nowhere else."""

from collections.abc import Callable
from typing import Final

from pillion.attack import wire
from pillion.attack.judge import judged, let_in
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, known, through, worst
from pillion.attack.target import Door, Target

_ESCAPE: Final = "CWE-441; CWE-918"
_NOWHERE: Final = "/attack-nothing"


def _control(target: Target) -> str | None:
    """Call whom a service may call, with a good token."""
    for door, callee in _allowed(target):
        return let_in(_call(door, f"Host: {callee}", f"Authorization: Bearer {target.token}"))
    return None


def _allowed(target: Target) -> list[tuple[Door, str]]:
    return [
        (door, callee)
        for door in target.egresses
        for caller, callee in sorted(target.calls)
        if caller == door.name
    ]


def _forbidden(target: Target) -> list[tuple[Door, str]]:
    """Give each egress with the services that it must not lead to, its own among them."""
    names = sorted(door.name for door in target.sidecars)
    return [
        (door, name) for door in target.egresses for name in names if (door.name, name) not in target.calls
    ]


def _call(door: Door, *fields: str, line: str = f"GET {_NOWHERE} HTTP/1.1") -> wire.Answer:
    return wire.ask(door, line, *fields)


def _refused(answers: list[tuple[Door, wire.Answer]]) -> Outcome:
    return worst(
        [
            held(f"{door}: {answer}") if answer.status == 404 else judged(answer, str(door))
            for door, answer in answers
        ]
    )


def _reach(
    name: str, tried: str, ask: Callable[[Target], list[tuple[Door, wire.Answer]]], reference: str = _ESCAPE
) -> Attack:
    def run(target: Target) -> Outcome:
        if not target.egresses:
            return held("no egress can be reached from here")
        answers = ask(target)
        if not answers:
            raise CannotBeTriedError("every service may call every other")
        return _refused(answers)

    return Attack(name, reference, tried, run)


def _by_host(target: Target) -> list[tuple[Door, wire.Answer]]:
    bearer = f"Authorization: Bearer {target.token}"
    return [(door, _call(door, f"Host: {name}", bearer)) for door, name in _forbidden(target)]


def _by_absolute_form(target: Target) -> list[tuple[Door, wire.Answer]]:
    bearer = f"Authorization: Bearer {target.token}"
    return [
        (
            door,
            _call(
                door, f"Host: {_first(target, door)}", bearer, line=f"GET http://{name}{_NOWHERE} HTTP/1.1"
            ),
        )
        for door, name in _forbidden(target)
    ]


def _first(target: Target, door: Door) -> str:
    return next((callee for at, callee in _allowed(target) if at == door), door.name)


def _elsewhere(target: Target) -> list[tuple[Door, wire.Answer]]:
    """Ask for an address of our own: the answer would be ours."""
    address = target.bait.url.partition("://")[2]
    target.bait.serve("/egress", b"out")
    return [
        (door, _call(door, f"Host: {address}", line=f"GET {target.bait.url}/egress HTTP/1.1"))
        for door in target.egresses
    ]


def _tunnel(target: Target) -> list[tuple[Door, wire.Answer]]:
    address = target.bait.url.partition("://")[2]
    return [
        (door, _call(door, f"Host: {address}", line=f"CONNECT {address} HTTP/1.1"))
        for door in target.egresses
    ]


def _in_its_name(target: Target) -> Outcome:
    """Call without a token whom a service may call: the sidecar adds the service's own."""
    if not target.egresses:
        return held("no egress can be reached from here")
    answers = [(door, _call(door, f"Host: {callee}")) for door, callee in _allowed(target)]
    if not answers:
        raise CannotBeTriedError("no service calls another")
    said = "; ".join(f"{door}: {answer}" for door, answer in answers)
    if any(let_in(answer) is None for _, answer in answers):
        said = f"{said}: whoever reaches an egress speaks for its service"
        return through(said) if target.isolated else known(said)
    return held(said)


FAMILY: Final = Family(
    "a service's way out",
    _control,
    (
        _reach("a service that is not in calls", "a call by its name in Host", _by_host),
        _reach("the same in absolute form", "a call by its name in the request line", _by_absolute_form),
        _reach("an address elsewhere", "a call to a server of our own", _elsewhere),
        _reach("a tunnel", "CONNECT to a server of our own", _tunnel, "RFC 9110, section 9.3.6; CWE-441"),
        Attack(
            "in the service's name",
            "SECURITY.md; CWE-441",
            "a call without a token from another program",
            _in_its_name,
        ),
    ),
)
