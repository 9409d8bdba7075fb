"""`pillion status`: what runs now, from the supervisor's record and a look at the processes themselves."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pillion.local import births, folder, lock
from pillion.local.probes import accepts
from pillion.local.record import Entry, Record, read
from pillion.plan import UnixSocket
from pillion.topology import Address


@dataclass(frozen=True)
class Shown:
    """One workload as it is shown.

    `state` is one of the record's; or `up` or `down` for a service that the user starts, or `unwatched` for
    what a killed supervisor left running.
    """

    entry: Entry
    state: str


@dataclass(frozen=True)
class Status:
    """The mesh as it is now; `supervisor` is the pid of `pillion up`, None when it doesn't run."""

    ready: bool
    edge: str | None
    supervisor: int | None
    workloads: tuple[Shown, ...]


def look(file: Path) -> Status:
    """Find out how the mesh of the topology `file` is."""
    state = folder.of(file)
    supervisor = lock.holder(state.lock)
    record = read(state.record)
    if record is None:
        return Status(ready=False, edge=None, supervisor=supervisor, workloads=())
    shown = asyncio.run(_all(record, supervised=supervisor == record.pid))
    own = [workload for workload in shown if workload.entry.state != "external"]
    return Status(
        ready=supervisor == record.pid and record.state == "ready" and all(w.state == "ready" for w in own),
        edge=record.edge,
        supervisor=supervisor,
        workloads=shown,
    )


def as_json(status: Status) -> dict[str, Any]:
    """Give the form that docs/interface.md promises; times are RFC 3339, in UTC."""
    return {
        "ready": status.ready,
        "edge": status.edge,
        "supervisor": status.supervisor,
        "workloads": [_workload(shown) for shown in status.workloads],
    }


def _workload(shown: Shown) -> dict[str, Any]:
    entry = shown.entry
    verifies = entry.kind in {"edge", "sidecar"}
    return {
        "name": entry.name,
        "kind": entry.kind,
        "state": shown.state,
        "pid": entry.pid,
        "address": entry.address,
        "keys": None if entry.keys is None else list(entry.keys),
        "revocations": 0 if verifies else None,
        "restarts": entry.restarts,
        "since": entry.since and datetime.fromtimestamp(entry.since, UTC).isoformat(timespec="milliseconds"),
        "external": entry.state == "external",
        "last_exit": entry.last_exit,
        "last_line": entry.last_line,
        **({"egress": entry.egress} if entry.kind == "sidecar" else {}),
    }


async def _all(record: Record, *, supervised: bool) -> tuple[Shown, ...]:
    return tuple(await asyncio.gather(*(_one(entry, supervised=supervised) for entry in record.entries)))


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
