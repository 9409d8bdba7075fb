"""Who has what: control's reports in the database, and waiting until every connected Envoy has acknowledged."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pillion.identity.models import ControlReport

# Control reports every second; one that was silent for longer does not run, or hangs.
SILENT_SECONDS: Final = 5.0
# What a control that was killed had reported is of no interest any more when all tokens of its time are dead.
FORGOTTEN_SECONDS: Final = 2 * 3600.0
_POLL_SECONDS: Final = 0.01

# What an Envoy must have reported: its entry of the report's document (`pillion.control.report`).
Condition = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Laggard:
    """An Envoy that has not acknowledged, and why that is."""

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class Spread:
    """How far something has spread. `seconds` is how long that was waited for.

    `controls` is how many controls are alive and `silent` how many should be but are not heard of: when there is
    none of either, nothing runs that could be told.
    """

    connected: int
    acknowledged: int
    missing: tuple[Laggard, ...]
    seconds: float
    controls: int
    silent: int

    @property
    def nobody(self) -> bool:
        """Whether nothing runs that could be told."""
        return not self.controls and not self.silent

    @property
    def everywhere(self) -> bool:
        """Whether every Envoy that may exist has acknowledged."""
        return not self.missing and not self.silent

    @property
    def settled(self) -> bool:
        """Whether every Envoy has acknowledged that can be told, or there is nobody to tell."""
        return self.nobody or (not self.silent and self.acknowledged == self.connected)


def revocation(number: int) -> Condition:
    """Ask for a revocation, and so for all before it."""
    return lambda envoy: envoy["revocation"] >= number


def key(kid: str) -> Condition:
    """Ask for a key among those that tokens are checked with."""
    return lambda envoy: kid in envoy["keys"]


def without_key(kid: str) -> Condition:
    """Ask that a key is not among them. An Envoy that has not said yet what it has may have it."""
    return lambda envoy: bool(envoy["keys"]) and kid not in envoy["keys"]


def wait(condition: Condition, patience: float) -> Spread:
    """Wait until all connected Envoys meet the condition, for `patience` seconds at most."""
    began = time.monotonic()
    while True:
        spread = look(condition, time.monotonic() - began)
        if spread.settled or spread.seconds > patience:
            return spread
        time.sleep(_POLL_SECONDS)


def look(condition: Condition, seconds: float = 0.0) -> Spread:
    """Say how far it is now."""
    now = time.time()
    reports = [r for r in ControlReport.objects.all() if r.seen_at > now - FORGOTTEN_SECONDS]
    alive = [report for report in reports if report.seen_at > now - SILENT_SECONDS]
    envoys = [envoy for report in alive for envoy in report.document["envoys"]]
    there = {envoy["name"] for envoy in envoys}
    lagging = [Laggard(envoy["node"], envoy["kind"], _why(envoy)) for envoy in envoys if not condition(envoy)]
    absent = {
        absentee["name"]: Laggard(absentee["name"], absentee["kind"], "is not connected")
        for report in alive
        for absentee in report.document["missing"]
        if absentee["name"] not in there
    }
    return Spread(
        connected=len(envoys),
        acknowledged=len(envoys) - len(lagging),
        missing=(*lagging, *absent.values()),
        seconds=seconds,
        controls=len(alive),
        silent=len(reports) - len(alive),
    )


def _why(envoy: Mapping[str, Any]) -> str:
    refused = "; ".join(envoy["refused"].values())
    return f"refuses it: {refused}" if refused else "has not acknowledged"
