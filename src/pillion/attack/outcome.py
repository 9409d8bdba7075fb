"""What an attack is, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pillion.attack.target import Target


class Verdict(StrEnum):
    """What came of an attack; `UNCLEAR` is no answer, or one that tells nothing, and fails the run.

    `KNOWN` got through where the documentation says that it does, and why.
    """

    HELD = "held"
    KNOWN = "known"
    SKIPPED = "skipped"
    UNCLEAR = "unclear"
    THROUGH = "got through"


@dataclass(frozen=True)
class Outcome:
    """What came of one attack; `answered` says what the mesh did, in a few words."""

    verdict: Verdict
    answered: str


class CannotBeTriedError(Exception):
    """An attack cannot be tried here; says why."""


@dataclass(frozen=True)
class Attack:
    """One attack: `tried` says what it does, `reference` where it is known from; `run` does it."""

    name: str
    reference: str
    tried: str
    run: Callable[[Target], Outcome]


@dataclass(frozen=True)
class Family:
    """Attacks of one kind.

    `control` makes the request that the attacks change, with the right credentials: None if it does what it
    should, else what happened instead. Only while it succeeds does a refusal tell anything.
    """

    name: str
    control: Callable[[Target], str | None]
    attacks: tuple[Attack, ...]


@dataclass(frozen=True)
class Result:
    """What came of one attack of a family, and how long that took."""

    family: str
    attack: Attack
    outcome: Outcome
    seconds: float


def held(answered: str) -> Outcome:
    """Say that the mesh withstood."""
    return Outcome(Verdict.HELD, answered)


def through(answered: str) -> Outcome:
    """Say that the attack got through."""
    return Outcome(Verdict.THROUGH, answered)


def unclear(answered: str) -> Outcome:
    """Say that nobody can tell."""
    return Outcome(Verdict.UNCLEAR, answered)


def known(answered: str) -> Outcome:
    """Say that it got through, as documented."""
    return Outcome(Verdict.KNOWN, answered)


def worst(outcomes: list[Outcome]) -> Outcome:
    """Put the outcomes of several tries into one: the worst counts, and everything that was answered is told."""
    order = (Verdict.THROUGH, Verdict.UNCLEAR, Verdict.KNOWN, Verdict.SKIPPED, Verdict.HELD)
    verdict = min((outcome.verdict for outcome in outcomes), key=order.index)
    return Outcome(verdict, "; ".join(dict.fromkeys(outcome.answered for outcome in outcomes)))
