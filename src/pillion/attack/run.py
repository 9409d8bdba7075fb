"""Runs the attacks, one after the other, and sees that the mesh lets in whom it should after each."""

import time
from collections.abc import Callable, Iterator, Sequence

from pillion.attack.bearing import alive
from pillion.attack.outcome import Attack, CannotBeTriedError, Family, Outcome, Result, Verdict, unclear
from pillion.attack.target import Target


def run(target: Target, families: Sequence[Family]) -> Iterator[Result]:
    """Try every attack of the families; gives each result as soon as it is there."""
    for family in families:
        before = _checked(family.control, target)
        for attack in family.attacks:
            began = time.monotonic()
            outcome = before or _tried(attack, target)
            if before is None and outcome.verdict is not Verdict.THROUGH:
                control = family.control if attack is family.attacks[-1] else alive
                outcome = _checked(control, target, f"{outcome.answered}; after it ") or outcome
            yield Result(family.name, attack, outcome, time.monotonic() - began)


def failed(results: Sequence[Result]) -> bool:
    """Say whether the mesh has not withstood, or nobody can tell."""
    return any(result.outcome.verdict in {Verdict.THROUGH, Verdict.UNCLEAR} for result in results)


def _tried(attack: Attack, target: Target) -> Outcome:
    try:
        return attack.run(target)
    except CannotBeTriedError as reason:
        return Outcome(Verdict.SKIPPED, str(reason))
    except TimeoutError:
        return unclear("no answer")
    except OSError as error:
        return unclear(f"no answer: {error}")
    except Exception as error:  # noqa: BLE001 - whatever was answered led to it: one attack that tells nothing
        return unclear(f"an answer that nobody foresaw: {type(error).__name__}: {error}")


def _checked(control: Callable[[Target], str | None], target: Target, said: str = "") -> Outcome | None:
    """See that the right credentials are let in: None, or what the attacks come to, which would tell nothing."""
    try:
        wrong = control(target)
    except CannotBeTriedError as reason:
        return Outcome(Verdict.SKIPPED, str(reason))
    except OSError as error:
        wrong = f"the right credentials got no answer ({error})"
    except Exception as error:  # noqa: BLE001 - as above
        wrong = f"the right credentials got an answer that nobody foresaw ({type(error).__name__}: {error})"
    return unclear(f"{said}{wrong}") if wrong else None
