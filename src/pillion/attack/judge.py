"""Tells from an answer whether whoever asked was let in."""

from http import HTTPStatus
from typing import Final

from pillion.attack.outcome import Outcome, Verdict, held, through, unclear
from pillion.attack.wire import Answer

# What says no: to this caller, or to a request that is no proper one.
REFUSALS: Final = frozenset({400, 401, 403, 405, 408, 411, 413, 414, 415, 417, 421, 426, 431, 501, 505})


def judged(answer: Answer, where: str = "") -> Outcome:
    """Judge the answer to a request that must be refused."""
    said = f"{where}: {answer}" if where else str(answer)
    if answer.status is None or answer.status in REFUSALS:
        return held(said)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Outcome(
            Verdict.SKIPPED, f"{said}: too many tries lately, wait {answer.header('retry-after')} s"
        )
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return unclear(said)
    return through(said)


def let_in(answer: Answer) -> str | None:
    """Judge the answer to a request that must be let in: None, or what is wrong."""
    wrong = answer.status is None or answer.status in REFUSALS - {405} or answer.status >= 429
    return f"the right credentials were answered {answer}" if wrong else None
