"""Who has what: control's reports in the database, and waiting until every connected Envoy has acknowledged."""

import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from pillion.identity import sql
from pillion.identity.models import ControlReport

# Control reports every second; one that was silent for longer does not run, or hangs.
SILENT_SECONDS: Final = 5.0
# An Envoy that lost its stream, or whose control has just started, comes again within two seconds
# (`pillion.envoy.control`): so long it is waited for like one that is connected.
RETURN_SECONDS: Final = 10.0
# A control that was killed, and whose Envoys have not come to another one in that time, had none any more.
FORGOTTEN_SECONDS: Final = 2 * 3600.0
_POLL_SECONDS: Final = 0.01
_OLD: Final = f"SELECT 1 FROM {sql.table(ControlReport)} WHERE seen_at < %s LIMIT 1"  # noqa: S608 - constants

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
    controls = _controls(now)
    alive, envoys = controls.alive, _nodes(controls.alive)
    # Their control has ended and let them go: they are about to turn up at another one.
    moving = {node: envoy for node, envoy in _nodes(controls.left).items() if node not in envoys}
    there = {envoy["name"] for envoy in (*envoys.values(), *moving.values())}
    lagging = [
        Laggard(node, envoy["kind"], _why(envoy)) for node, envoy in envoys.items() if not condition(envoy)
    ]
    absent = {
        one["name"]: one for report in alive for one in report.document["missing"] if one["name"] not in there
    }
    return Spread(
        connected=len(envoys),
        acknowledged=len(envoys) - len(lagging),
        returning=len(moving) + sum(one["since"] > now - RETURN_SECONDS for one in absent.values()),
        missing=(
            *lagging,
            *(Laggard(node, envoy["kind"], "is not connected") for node, envoy in moving.items()),
            *(Laggard(one["name"], one["kind"], "is not connected") for one in absent.values()),
        ),
        seconds=seconds,
        controls=len(alive),
        silent=len(controls.silent),
    )


@dataclass(frozen=True)
class Counts:
    """How many there are: controls that are alive or missed, Envoys that are connected, and what these lack.

    `unkept` are the controls that cannot keep what Envoys start with, and `left_out` the revocations that find no
    room there.
    """

    alive: int
    silent: int
    envoys: int
    missing: int
    refusing: int
    keys: int
    revocations: int
    unkept: int
    left_out: int


def counts(kids: AbstractSet[str], latest: int) -> Counts:
    """Count who lacks one of the keys `kids`, or the revocation `latest`, and who is not there."""
    controls = _controls(time.time())
    alive, envoys = controls.alive, _nodes(controls.alive).values()
    there = {envoy["name"] for envoy in envoys}
    kept = [report.document.get("kept") or {} for report in alive]
    return Counts(
        alive=len(alive),
        silent=len(controls.silent),
        envoys=len(envoys),
        missing=len({one["name"] for report in alive for one in report.document["missing"]} - there),
        refusing=sum(bool(envoy["refused"]) for envoy in envoys),
        keys=sum(not kids <= set(envoy["keys"]) for envoy in envoys),
        revocations=sum(envoy["revocation"] < latest for envoy in envoys),
        unkept=sum(bool(one.get("error")) for one in kept),
        left_out=max((one.get("left_out") or 0 for one in kept), default=0),
    )


def forget() -> None:
    """Remove the reports of controls that are missed by nobody."""
    now = time.time()
    old = now - FORGOTTEN_SECONDS
    if sql.scalar(_OLD, old) and _controls(now).alive:  # a look costs nothing, each second
        ControlReport.objects.filter(seen_at__lt=old).delete()


@dataclass(frozen=True)
class _Controls:
    """The reports of those that are alive, of those that are missed, and of those that ended a moment ago."""

    alive: list[ControlReport]
    silent: list[ControlReport]
    left: list[ControlReport]


def _controls(now: float) -> _Controls:
    """Tell them apart.

    One that is not heard of is missed, however long, until another control has its Envoys, or none has had them
    for so long that there can be none: an Envoy goes on without control, and so may be there. One that has ended
    in good order is missed only where there is no other one: to that one its Envoys go.
    """
    reports = list(ControlReport.objects.all())
    ended = [report for report in reports if report.document.get("ended")]
    alive = [report for report in reports if report.seen_at > now - SILENT_SECONDS and report not in ended]
    if not alive:
        return _Controls(alive, silent=reports, left=[])
    elsewhere = _nodes(alive).keys()
    silent = [
        report
        for report in reports
        if now - FORGOTTEN_SECONDS <= report.seen_at <= now - SILENT_SECONDS
        and report not in ended
        and not _nodes([report]).keys() <= elsewhere
    ]
    return _Controls(
        alive, silent, left=[report for report in ended if report.seen_at > now - RETURN_SECONDS]
    )


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
