"""Who is waited for when controls come and go: their reports are written here as they write them themselves."""

import json
import time
from collections.abc import Iterator

import pytest

from pillion.identity import acknowledged
from pillion.identity.acknowledged import RETURN_SECONDS, SILENT_SECONDS, Spread
from pillion.identity.models import ControlReport


@pytest.fixture(autouse=True)
def _no_reports() -> Iterator[None]:
    yield
    ControlReport.objects.all().delete()


def report(control: str, *nodes: str, ended: float | None = None, ago: float = 0.0, **more: object) -> None:
    """Have a control report Envoys with the first revocation; `ended` and `ago` in seconds before now."""
    seen = time.time() - ago
    envoys = [
        {
            "name": node.partition("@")[0],
            "kind": "sidecar",
            "node": node,
            "since": seen - 60,
            "keys": ["k"],
            "revocation": 1,
            "refused": {},
        }
        for node in nodes
    ]
    document = {"envoys": envoys, "missing": [], "ended": None if ended is None else time.time() - ended}
    ControlReport.objects.update_or_create(
        instance=control, defaults={"seen_at": seen, "document": json.loads(json.dumps(document | more))}
    )


def look() -> Spread:
    """Ask for the first revocation."""
    return acknowledged.look(acknowledged.revocation(1))


def test_the_envoys_of_a_control_that_ended_are_waited_for_until_another_one_has_them() -> None:
    report("a", "orders@1", "orders@2", ended=0)
    report("b", "web@1")
    spread = look()
    assert (spread.controls, spread.silent, spread.returning, spread.settled) == (1, 0, 2, False)
    assert [laggard.name for laggard in spread.missing] == ["orders@1", "orders@2"]
    report("b", "web@1", "orders@1", "orders@2")
    assert look().everywhere


def test_a_pod_that_was_replaced_with_its_control_is_waited_for_no_longer_than_it_may_take() -> None:
    report("a", "orders@1", ended=RETURN_SECONDS + 1, ago=RETURN_SECONDS + 1)
    report("b", "orders@2")
    assert look().everywhere


def test_where_no_other_control_runs_one_that_ended_is_missed() -> None:
    """Its Envoys go on without one, and are not told."""
    report("a", "orders@1", ended=0)
    spread = look()
    assert (spread.controls, spread.silent, spread.settled, spread.nobody) == (0, 1, False, False)


def test_one_that_was_killed_is_missed_until_its_envoys_are_elsewhere() -> None:
    report("a", "orders@1", ago=SILENT_SECONDS + 1)
    report("b", "web@1")
    assert look().silent == 1
    report("b", "web@1", "orders@1")
    assert look().everywhere


def test_who_cannot_keep_what_envoys_start_with_is_counted() -> None:
    report("a", kept={"error": None, "left_out": 3})
    report("b", kept={"error": "the API answers 500", "left_out": 2})
    report("c")  # of an older version
    counts = acknowledged.counts(set(), 0)
    assert (counts.alive, counts.unkept, counts.left_out) == (3, 1, 3)
