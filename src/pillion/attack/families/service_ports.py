"""Services' own ports, past their sidecars."""

from collections.abc import Callable
from typing import Final

from pillion.attack import wire
from pillion.attack.judge import let_in
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, known, through, worst
from pillion.attack.target import Door, Target
from pillion.vocabulary import EMAIL_HEADER, ROLES_HEADER, USER_HEADER

_EXPOSED: Final = "SECURITY.md; CWE-668"
_CANARY: Final = "attack-canary@pillion.invalid"


def _control(target: Target) -> str | None:
    field = f"Authorization: Bearer {target.token}"
    return let_in(wire.request(target.edge, "GET", target.places.protected.path, field))


def _attack(name: str, tried: str, fields: Callable[[], tuple[str, ...]]) -> Attack:
    def run(target: Target) -> Outcome:
        found = [held(f"{name} is in a network of its own") for name in target.apart]
        found += [_at(target, door, fields()) for door in target.services]
        if not found:
            raise CannotBeTriedError("no service has a port")
        return worst(found)

    return Attack(name, _EXPOSED, tried, run)


def _at(target: Target, door: Door, fields: tuple[str, ...]) -> Outcome:
    try:
        answer = wire.request(door, "GET", "/", *fields)
    except OSError:
        return held(f"{door} cannot be reached")
    said = f"{door}: {answer}"
    if answer.status is None:
        said = f"{door}: takes connections"
    said = f"{said}, without its sidecar"
    return through(said) if target.isolated else known(said)


FAMILY: Final = Family(
    "services' own ports",
    _control,
    (
        _attack("a connection", "a request to the service itself", lambda: ()),
        _attack(
            "with identity headers",
            "the same, with the headers that its sidecar sets",
            lambda: (f"{USER_HEADER}: {_CANARY}", f"{EMAIL_HEADER}: {_CANARY}", f"{ROLES_HEADER}: manager"),
        ),
    ),
)
