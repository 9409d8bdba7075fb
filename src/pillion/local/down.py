"""`pillion down`: stops a supervisor, or cleans up after one that was killed."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pillion.local import at_rest, births, folder, leftovers, lock
from pillion.local.failure import LocalError
from pillion.local.record import Entry, Record, read, write

WAIT_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.05


def stop(file: Path, say: Callable[[str], None]) -> None:
    """Stop what runs for the topology `file`; `say` is told what. Nothing running is no error.

    Raises LocalError when it cannot be stopped.
    """
    state = folder.of(file)
    began = time.monotonic()
    pid = lock.holder(state.lock)
    record = read(state.record)
    running = _at_work(record)
    if pid is not None:
        say(f"stopping {leftovers.names(running)}" if running else "stopping")
        _end_supervisor(pid, state.lock)
    left = leftovers.find(read(state.record)) if state.run.is_dir() else []
    if left:
        if pid is None:
            say(f"'pillion up' was killed; stopping what it left: {leftovers.names(left)}")
        leftovers.end(left)
    if pid is None and not left:
        say("nothing runs")
        return
    leftovers.remove_sockets(state.run)
    _note_stopped(state.record)
    at_rest.note(state)
    say(f"stopped in {time.monotonic() - began:.1f} s")


def _end_supervisor(pid: int, path: Path) -> None:
    """Ask the supervisor to stop everything; if that takes too long, end it alone."""
    born = births.birth(pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if births.birth(pid) == born:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
            except PermissionError:
                raise LocalError(
                    f"'pillion up' (pid {pid}) is another user's: stop it as that user"
                ) from None
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if not lock.is_held(path):
                return
            time.sleep(_POLL_SECONDS)
    raise LocalError(f"'pillion up' (pid {pid}) does not end: look at it with 'ps -p {pid}'")


def _at_work(record: Record | None) -> list[Entry]:
    return [entry for entry in record.entries if births.lives(entry.pid or 0, entry.birth)] if record else []


def _note_stopped(path: Path) -> None:
    record = read(path)
    if record is None or record.state == "stopped":
        return
    gone = {"state": "stopped", "pid": None, "birth": None, "since": None}
    entries = tuple(e if e.state == "external" else e.model_copy(update=gone) for e in record.entries)
    with suppress(OSError):
        write(path, record.model_copy(update={"state": "stopped", "entries": entries}))
