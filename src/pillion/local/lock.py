"""The lock that makes sure of one supervisor for each state folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pillion.local.failure import LocalError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock at `path`; the system lets go of it when this process ends, however it ends.

    Raises LocalError, naming the process, when another one holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _pid(path)
            raise LocalError(
                f"'pillion up' runs already on {path.parent.parent}{f' (pid {who})' if who else ''}: "
                "stop it first, with 'pillion down'"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


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
    return _pid(path) if is_held(path) else None


def _pid(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
