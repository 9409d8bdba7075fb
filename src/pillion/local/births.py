"""When a process began: with its pid, what tells it from every other one, before and since."""

import sys
from functools import cache
from pathlib import Path
from typing import Final

import psutil

# proc(5), /proc/PID/stat: field 22 is the start time; counting begins after the name, which is field 2.
_START_TIME: Final = 22 - 3


def birth(pid: int) -> str | None:
    """Give a text that no other process with this `pid` will ever have; None when there is no such process.

    On Linux it is made of the boot and the kernel's own count of ticks, so that a clock that is set right, as
    on a laptop that wakes up, does not change it. A zombie still has its birth.
    """
    if sys.platform == "linux":
        return _birth_in_proc(pid)
    try:
        return f"{psutil.Process(pid).create_time():.6f}"
    except psutil.NoSuchProcess:
        return None


def lives(pid: int, born: str | None) -> bool:
    """Say whether the process `pid` that was born then is still at work; a zombie is not."""
    if born is None or birth(pid) != born:
        return False
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _birth_in_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may itself hold blanks and parentheses.
    return f"{_boot()}/{stat.rpartition(')')[2].split()[_START_TIME]}"


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
