"""Who has what: control's reports in the database, and waiting until every connected Envoy has acknowledged."""

import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from pillion.identity.models import ControlReport

# Control reports every second; one that was silent for longer does not run, or hangs.
SILENT_SECONDS: Final = 5.0
# An Envoy that lost its stream, or whose control has just started, comes again within two seconds
# (`pillion.envoy.control`): so long it is waited for like one that is connected.
RETURN_SECONDS: Final = 10.0
# A control that was killed, and whose Envoys have not come to another one in that time, had none any more.
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

    `missing` are those that have not acknowledged, the ones that are not connected last; of these `returning` are
    expected back any moment. `controls` is how many controls are alive and `silent` how many should be but are not
    heard of: when there is none of either, nothing runs that could be told.
    """

    connected: int
    acknowledged: int
    returning: int
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
    def nowhere(self) -> bool:
        """Whether there are Envoys, and not one of them is known to have acknowledged."""
        return not self.acknowledged and bool(self.missing or self.silent)

    @property
    def settled(self) -> bool:
        """Whether every Envoy has acknowledged that can be told, or there is nobody to tell."""
        lagging = self.connected - self.acknowledged + self.returning
        return self.nobody or (not self.silent and not lagging)


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
    alive, silent = _reports(now)
    envoys = _nodes(alive)
    there = {envoy["name"] for envoy in envoys.values()}
    lagging = [
        Laggard(node, envoy["kind"], _why(envoy)) for node, envoy in envoys.items() if not condition(envoy)
    ]
    absent = {
        one["name"]: one for report in alive for one in report.document["missing"] if one["name"] not in there
    }
    return Spread(
        connected=len(envoys),
        acknowledged=len(envoys) - len(lagging),
        returning=sum(one["since"] > now - RETURN_SECONDS for one in absent.values()),
        missing=(
            *lagging,
            *(Laggard(one["name"], one["kind"], "is not connected") for one in absent.values()),
        ),
        seconds=seconds,
        controls=len(alive),
        silent=len(silent),
    )


@dataclass(frozen=True)
class Counts:
    """How many there are: controls that are alive or missed, Envoys that are connected, and what these lack."""

    alive: int
    silent: int
    envoys: int
    missing: int
    refusing: int
    keys: int
    revocations: int


def counts(kids: AbstractSet[str], latest: int) -> Counts:
    """Count who lacks one of the keys `kids`, or the revocation `latest`, and who is not there."""
    alive, silent = _reports(time.time())
    envoys = _nodes(alive).values()
    there = {envoy["name"] for envoy in envoys}
    return Counts(
        alive=len(alive),
        silent=len(silent),
        envoys=len(envoys),
        missing=len({one["name"] for report in alive for one in report.document["missing"]} - there),
        refusing=sum(bool(envoy["refused"]) for envoy in envoys),
        keys=sum(not kids <= set(envoy["keys"]) for envoy in envoys),
        revocations=sum(envoy["revocation"] < latest for envoy in envoys),
    )


def forget() -> None:
    """Remove the reports of controls that are missed by nobody."""
    now = time.time()
    old = ControlReport.objects.filter(seen_at__lt=now - FORGOTTEN_SECONDS)
    if old.exists() and _reports(now)[0]:
        old.delete()


def _reports(now: float) -> tuple[list[ControlReport], list[ControlReport]]:
    """Give the reports of the controls that are alive, and of those that are missed.

    One that is not heard of is missed, however long, until another control has its Envoys, or none has had them
    for so long that there can be none: an Envoy goes on without control, and so may be there.
    """
    reports = list(ControlReport.objects.all())
    alive = [report for report in reports if report.seen_at > now - SILENT_SECONDS]
    elsewhere = _nodes(alive).keys()
    silent = [
        report
        for report in reports
        if report.seen_at <= now - SILENT_SECONDS
        and not (alive and (report.seen_at < now - FORGOTTEN_SECONDS or _nodes([report]).keys() <= elsewhere))
    ]
    return alive, silent


def _nodes(reports: Iterable[ControlReport]) -> dict[str, Mapping[str, Any]]:
    """Give each Envoy's entry by its own name for itself, the latest if it went from one control to another."""
    nodes: dict[str, Mapping[str, Any]] = {}
    for report in reports:
        for envoy in report.document["envoys"]:
            known = nodes.get(envoy["node"])
            if known is None or known["since"] < envoy["since"]:
                nodes[envoy["node"]] = envoy
    return nodes


def _why(envoy: Mapping[str, Any]) -> str:
    refused = "; ".join(envoy["refused"].values())
    return f"refuses it: {refused}" if refused else "has not acknowledged"
