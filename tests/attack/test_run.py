"""What counts as held: only what was refused while the right credentials are let in, before and after."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from pillion.attack import report
from pillion.attack.outcome import (
    Attack,
    CannotBeTriedError,
    Family,
    Outcome,
    Result,
    Verdict,
    held,
    known,
    through,
)
from pillion.attack.run import failed, run
from pillion.attack.target import Target
from tests.attack.weak import target


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Give something that answers."""
    with target.running(tmp_path_factory.mktemp("weak"), blind=False) as running:
        yield running


def _results(
    weak: Target,
    attack: Callable[[Target], Outcome],
    control: Callable[[Target], str | None] = lambda _: None,
) -> list[Result]:
    attacks = (
        Attack("one", "CWE-1", "something", attack),
        Attack("two", "CWE-1", "something", lambda _: held("403")),
    )
    return list(run(weak, [Family("a family", control, attacks)]))


def _verdicts(results: list[Result]) -> list[Verdict]:
    return [result.outcome.verdict for result in results]


def _raise(error: Exception) -> Callable[[Target], Outcome]:
    def attack(_: Target) -> Outcome:
        raise error

    return attack


def test_what_is_refused_while_the_mesh_lives_is_held(weak: Target) -> None:
    results = _results(weak, lambda _: held("401"))
    assert _verdicts(results) == [Verdict.HELD, Verdict.HELD]
    assert not failed(results)


def test_where_the_right_credentials_are_refused_a_refusal_tells_nothing(weak: Target) -> None:
    results = _results(weak, lambda _: held("401"), lambda _: "the right credentials were answered 401")
    assert _verdicts(results) == [Verdict.UNCLEAR, Verdict.UNCLEAR]
    assert failed(results)


def test_a_mesh_that_an_attack_has_felled_has_not_held(weak: Target) -> None:
    dead = replace(weak, edge=replace(weak.edge, port=9))
    results = _results(dead, lambda _: held("closed the connection"))
    assert _verdicts(results)[0] is Verdict.UNCLEAR
    assert (
        "closed the connection; after it the right credentials got no answer" in results[0].outcome.answered
    )


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (TimeoutError(), Verdict.UNCLEAR),
        (KeyError("access_token"), Verdict.UNCLEAR),
        (ConnectionRefusedError(111, "refused"), Verdict.UNCLEAR),
        (CannotBeTriedError("there is no second service"), Verdict.SKIPPED),
    ],
)
def test_an_attack_without_an_answer_is_not_held(weak: Target, error: Exception, verdict: Verdict) -> None:
    assert _verdicts(_results(weak, _raise(error))) == [verdict, Verdict.HELD]


def test_what_cannot_be_judged_here_is_skipped_as_a_whole(weak: Target) -> None:
    def control(_: Target) -> str | None:
        raise CannotBeTriedError("both paths answer alike")

    results = _results(weak, lambda _: through("200"), control)
    assert _verdicts(results) == [Verdict.SKIPPED, Verdict.SKIPPED]


def test_the_summary_counts_what_was_tried_and_names_what_was_not_held(weak: Target) -> None:
    def of(outcome: Outcome) -> Result:
        return _results(weak, lambda _: outcome)[0]

    results = [of(held("401")), of(through("200")), of(known("200")), *_results(weak, _raise(TimeoutError()))]
    results.append(_results(weak, _raise(CannotBeTriedError("no")))[0])
    assert report.summary(results, 1.25) == "5 attacks, 1 got through, 1 unclear, 1 known, 1 skipped (1.2 s)"
    told = report.as_json(results, 1.25)
    assert (told["tried"], told["held"], told["got_through"], told["skipped"]) == (5, 2, 1, 1)
    suites = ET.fromstring(report.as_junit(results, 1.25))
    assert (suites.attrib["failures"], suites.attrib["errors"], suites.attrib["skipped"]) == ("1", "1", "1")


def test_junit_is_well_formed_whatever_was_answered(weak: Target) -> None:
    results = _results(weak, lambda _: through("\x00\x1b[31m <&> \ud800".encode("utf-8", "replace").decode()))
    assert ET.fromstring(report.as_junit(results, 0)).find(".//failure") is not None
