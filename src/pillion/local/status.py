"""`pillion status`: what runs now, from the supervisor's record and a look at the processes themselves."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pillion.local import births, folder, lock, reports
from pillion.local.probes import accepts
from pillion.local.record import Edit, Entry, Record, read
from pillion.local.reports import Report, Told, Trusted, Where
from pillion.plan import UnixSocket
from pillion.topology import Address

ENVOYS: Final = frozenset({"edge", "sidecar"})


@dataclass(frozen=True)
class Shown:
    """One workload as it is shown.

    `state` is one of the record's; or `up` or `down` for a service that the user starts, or `unwatched` for
    what a killed supervisor left running. `keys` are those that it holds, None for what holds none; `told`
    is what control says of an Envoy, None if nothing is known.
    """

    entry: Entry
    state: str
    keys: tuple[str, ...] | None = None
    told: Told | None = None


@dataclass(frozen=True)
class Status:
    """The mesh as it is now; `supervisor` is the pid of `pillion up`, None when it doesn't run.

    `trust` is what is known of other issuers, `edit` what became of the last edit of the topology.
    """

    ready: bool
    edge: str | None
    supervisor: int | None
    workloads: tuple[Shown, ...]
    trust: tuple[Trusted, ...] = ()
    edit: Edit | None = None


def look(file: Path) -> Status:
    """Find out how the mesh of the topology `file` is."""
    state = folder.of(file)
    supervisor = lock.holder(state.lock)
    record = read(state.record)
    if record is None:
        return Status(ready=False, edge=None, supervisor=supervisor, workloads=())
    database = reports.where(state)
    report = reports.read(database)
    shown = asyncio.run(_all(record, report, database, supervised=supervisor == record.pid))
    own = [workload for workload in shown if workload.entry.state != "external"]
    return Status(
        ready=supervisor == record.pid and record.state == "ready" and all(w.state == "ready" for w in own),
        edge=record.edge,
        supervisor=supervisor,
        workloads=shown,
        trust=report.trust,
        edit=record.edit,
    )


def as_json(status: Status) -> dict[str, Any]:
    """Give the form that docs/interface.md promises; times are RFC 3339, in UTC."""
    return {
        "ready": status.ready,
        "edge": status.edge,
        "supervisor": status.supervisor,
        "workloads": [_workload(shown) for shown in status.workloads],
        "trust": [
            {**issuer.model_dump(mode="json"), "fetched_at": _time(issuer.fetched_at)}
            for issuer in status.trust
        ],
        "edit": _edit(status.edit),
    }


def _workload(shown: Shown) -> dict[str, Any]:
    entry, told = shown.entry, shown.told
    return {
        "name": entry.name,
        "kind": entry.kind,
        "state": shown.state,
        "pid": entry.pid,
        "address": entry.address,
        "keys": None if shown.keys is None else list(shown.keys),
        "revocations": told.revocation if told else 0 if entry.kind in ENVOYS else None,
        "restarts": entry.restarts,
        "since": _time(entry.since),
        "external": entry.state == "external",
        "isolated": entry.isolated,
        "last_exit": entry.last_exit,
        "last_line": entry.last_line,
        **({"egress": entry.egress} if entry.kind == "sidecar" else {}),
        **(_acknowledged(told) if entry.kind in ENVOYS else {}),
    }


def _issuer(trusted: Trusted) -> dict[str, Any]:
    return {**trusted.model_dump(mode="json"), "fetched_at": _time(trusted.fetched_at)}


def _edit(edit: Edit | None) -> dict[str, Any] | None:
    if edit is None:
        return None
    return {"at": _time(edit.at), "taken_up": edit.taken_up, "said": list(edit.said)}


def _acknowledged(told: Told | None) -> dict[str, Any]:
    told = told or Told(name="", connected=False)
    return {
        "connected": told.connected,
        "connected_since": _time(told.since),
        "acknowledged_at": _time(told.acknowledged_at),
        "refused": told.refused,
    }


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


async def _all(record: Record, report: Report, database: Where, *, supervised: bool) -> tuple[Shown, ...]:
    told = {envoy.name: envoy for envoy in report.envoys}
    shown = await asyncio.gather(*(_one(entry, supervised=supervised) for entry in record.entries))
    return tuple(_with_keys(one, told.get(one.entry.name), database) for one in shown)


def _with_keys(shown: Shown, told: Told | None, database: Where) -> Shown:
    if shown.entry.kind in ENVOYS:
        return replace(shown, keys=told.keys if told else (), told=told)
    return replace(shown, keys=reports.keys(database)) if shown.entry.kind == "identity" else shown


async def _one(entry: Entry, *, supervised: bool) -> Shown:
    if entry.state == "external":
        return Shown(entry, "up" if await accepts(_address(entry.address)) else "down")
    if supervised:
        return Shown(entry, entry.state)
    if births.lives(entry.pid or 0, entry.birth):
        return Shown(entry, "unwatched")
    return Shown(entry.model_copy(update={"pid": None, "since": None}), "stopped")


def _address(written: str) -> Address | UnixSocket:
    if written.startswith("unix:"):
        return UnixSocket(path=written.removeprefix("unix:"))
    host, _, port = written.rpartition(":")
    return Address(host=host.strip("[]"), port=int(port))
