"""Ends what a supervisor that was killed has left running: exactly that, and nothing else."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pillion.local import births, groups
from pillion.local.folder import StateFolder
from pillion.local.record import Entry, Record, read

GRACE_SECONDS: Final = 5.0


def clean(folder: StateFolder) -> list[Entry]:
    """End what is left of the last supervisor of `folder`, and say what it was; the caller holds the lock."""
    left = find(read(folder.record))
    end(left)
    remove_sockets(folder.run)
    return left


def names(entries: Sequence[Entry]) -> str:
    """List the workloads' names in a sentence; a service and its sidecar share one."""
    return ", ".join(dict.fromkeys(entry.name for entry in entries))


def find(record: Record | None) -> list[Entry]:
    """Find the recorded processes that are still there.

    A process counts only if its pid and its birth are those recorded. Where it has died itself but left some
    of its group behind, those count: as long as one of them lives, the system gives its pid to nobody else.
    """
    if record is None:
        return []
    return [
        entry
        for entry in (*record.entries, *record.errands)
        if entry.pid and entry.pid != os.getpid() and _is_left(entry)
    ]


def end(entries: Sequence[Entry], grace: float = GRACE_SECONDS) -> None:
    """End the groups of `entries`: asks, and after `grace` seconds insists. Returns when they are gone."""
    pids = [entry.pid for entry in entries if entry.pid]
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        for pid in pids:
            groups.send(pid, number)
        deadline = time.monotonic() + seconds
        while pids and time.monotonic() < deadline:
            pids = [pid for pid in pids if not groups.is_empty(pid)]
            time.sleep(groups.POLL_SECONDS if pids else 0)


def remove_sockets(run: Path) -> None:
    """Remove the sockets in the folder `run`; who would listen there is gone."""
    for path in run.glob("*.sock"):
        path.unlink(missing_ok=True)


def _is_left(entry: Entry) -> bool:
    if entry.pid is None or entry.birth is None:
        return False
    now = births.birth(entry.pid)
    if now is not None:
        return now == entry.birth and not groups.is_empty(entry.pid)
    # After a restart of the machine the number says nothing any more: births tell, and the leader's is gone.
    return _same_boot(entry.birth) and any(_is_of(pid, entry) for pid in _group(entry.pid))


def _group(leader: int) -> list[int]:
    return [process.pid for process in groups.members(leader)]


def _is_of(pid: int, entry: Entry) -> bool:
    """Say whether `pid` is in the session that the entry's process led: each child has its own."""
    try:
        return os.getsid(pid) == entry.pid
    except (ProcessLookupError, PermissionError):
        return False


def _same_boot(birth: str) -> bool:
    mine = births.birth(os.getpid()) or ""
    return birth.rpartition("/")[0] == mine.rpartition("/")[0]
