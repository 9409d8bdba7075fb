"""Process groups: signals to all that a child started, and who is left of them."""

import os
import signal
from contextlib import suppress
from typing import Final

import psutil

POLL_SECONDS: Final = 0.02


def send(leader: int, number: signal.Signals) -> None:
    """Send a signal to the whole group of `leader`; a group that is gone is no error."""
    # EPERM: macOS answers so when only a zombie is left of the group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def is_empty(leader: int) -> bool:
    """Say whether nothing of the group of `leader` is at work any more; zombies are not at work."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return not members(leader)


def members(leader: int) -> list[psutil.Process]:
    """Find the living processes in the group of `leader`."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
