"""Runs the attacks, one after the other, and sees that the mesh is alive after each."""

import time
from collections.abc import Iterator, Sequence

from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, Result, Verdict, unclear
from pillion.attack.target import Target


def run(target: Target, families: Sequence[Family]) -> Iterator[Result]:
    """Try every attack of the families; gives each result as soon as it is there."""
    for family in families:
        wrong = _control(family, target)
        for attack in family.attacks:
            began = time.monotonic()
            if wrong is None:
                outcome = _try(attack, target)
                after = _control(family, target)
                if after is not None and outcome.verdict is not Verdict.THROUGH:
                    outcome = unclear(f"{outcome.answered}; and after it {after}")
            else:
                outcome = unclear(f"a refusal would tell nothing: {wrong}")
            yield Result(family.name, attack, outcome, time.monotonic() - began)


def failed(results: Sequence[Result]) -> bool:
    """Say whether the mesh has not withstood, or nobody can tell."""
    return any(result.outcome.verdict in {Verdict.THROUGH, Verdict.UNCLEAR} for result in results)


def _try(attack: Attack, target: Target) -> Outcome:
    try:
        return attack.run(target)
    except CannotBeTriedError as reason:
        return Outcome(Verdict.SKIPPED, str(reason))
    except TimeoutError:
        return unclear("no answer")
    except OSError as error:
        return unclear(f"no answer: {error}")


def _control(family: Family, target: Target) -> str | None:
    try:
        return family.control(target)
    except OSError as error:
        return f"the right credentials got no answer ({error})"
