"""The network between workloads, where that keeps apart who has no business with each other."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pillion.attack import wire
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, held, through, worst
from pillion.attack.target import Door, Target

_APART: Final = "NIST SP 800-190, section 3.3.3; CWE-923"


def _control(target: Target) -> str | None:
    """Connect as somebody whom the network lets through."""
    if not target.walls:
        raise CannotBeTriedError("no network keeps anybody apart here")
    shut = [f"{door} cannot be reached" for door, there in _reached(target.gates) if not there]
    return "; ".join(shut) or None


def _connection(target: Target) -> Outcome:
    return worst(
        [
            through(f"{door}: takes connections") if there else held(f"{door}: out of reach")
            for door, there in _reached(target.walls)
        ]
    )


def _reached(doors: tuple[Door, ...]) -> list[tuple[Door, bool]]:
    """Connect to all at once: what is dropped takes all the time that it is given."""
    with ThreadPoolExecutor(max(len(doors), 1)) as threads:
        return list(zip(doors, threads.map(_is_there, doors), strict=True))


def _is_there(door: Door) -> bool:
    try:
        with wire.connected(door):
            return True
    except OSError:
        return False


FAMILY: Final = Family(
    "the network between workloads",
    _control,
    (
        Attack(
            "a connection",
            _APART,
            "one from wherever somebody has no business with who listens",
            _connection,
        ),
    ),
)
