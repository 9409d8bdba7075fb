"""The lock that makes sure of one supervisor for each state folder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pillion.local import births
from pillion.local.failure import LocalError

_WRITE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.3
_POLL_SECONDS: Final = 0.02


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; the system lets go of it when this process ends, however it ends.

    Raises LocalError, naming the process, when another one holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _take(descriptor):
            who = _pid(path)
            raise LocalError(
                f"'pillion up' runs already on {path.parent.parent}{f' (pid {who})' if who else ''}: "
                "stop it first, with 'pillion down'"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {births.birth(os.getpid())}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    """Lock, with some patience: `pillion status` holds the lock for a moment while it looks."""
    deadline = time.monotonic() + _LOOK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def is_held(path: Path) -> bool:
    """Say whether a living process holds the lock at `path`; raises LocalError if this user may not know."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        raise LocalError(f"the state folder {path.parent.parent} is another user's: be that user") from None
    try:
        # Shared, so that two that ask at once don't take each other for a supervisor.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def holder(path: Path) -> int | None:
    """Give the pid of the process that holds the lock at `path`, or None if nobody does."""
    deadline = time.monotonic() + _WRITE_SECONDS
    while is_held(path):
        if (pid := _pid(path)) is not None or time.monotonic() > deadline:
            return pid
        time.sleep(_POLL_SECONDS)  # it has the lock, and is about to write who it is
    return None


def _pid(path: Path) -> int | None:
    """Read who holds the lock; None if that is another process by now, which somebody might send a signal to."""
    try:
        pid, _, born = path.read_text(encoding="ascii").strip().partition(" ")
        return int(pid) if births.birth(int(pid)) == born else None
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
