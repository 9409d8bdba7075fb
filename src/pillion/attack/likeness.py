"""Tells whether an answer is the one that only a token opens, by what the protected and the open path answer."""

from dataclasses import dataclass

from pillion.attack import wire
from pillion.attack.outcome import CannotBeTriedError, Outcome, held, through, unclear
from pillion.attack.target import Target
from pillion.attack.wire import Answer


@dataclass(frozen=True)
class Likeness:
    """What the protected path answers with a token, and the open one without."""

    protected: Answer
    open: Answer

    def is_protected(self, answer: Answer) -> bool:
        """Say whether the answer is the protected path's."""
        return _is_fine(answer) and _alike(answer, self.protected)

    def judged(self, answer: Answer) -> Outcome:
        """Judge the answer to a request without a token."""
        if self.is_protected(answer):
            return through(f"{answer}: what the protected path answers")
        if answer.status is not None and answer.status >= 500 and answer.status not in {501, 505}:
            return unclear(str(answer))
        return held(f"{answer}: what is open to anyone" if _is_fine(answer) else str(answer))


def likeness(target: Target) -> Likeness:
    """Ask both paths; raises CannotBeTriedError if their answers cannot be told apart."""
    places = target.places
    protected = wire.request(
        target.edge, "GET", places.protected.path, f"Authorization: Bearer {target.token}"
    )
    found = Likeness(protected, wire.request(target.edge, "GET", places.open.path))
    if not _is_fine(protected) or _alike(protected, found.open):
        raise CannotBeTriedError(
            f"{places.protected.path} answers {protected}, like {places.open.path}: nobody could tell them apart"
        )
    return found


def _is_fine(answer: Answer) -> bool:
    return answer.status is not None and 200 <= answer.status < 300


def _alike(one: Answer, other: Answer) -> bool:
    """Compare two answers; of JSON objects the names alone, since values change with the time."""
    if one.json() and other.json():
        return one.json().keys() == other.json().keys()
    return one.body == other.body
