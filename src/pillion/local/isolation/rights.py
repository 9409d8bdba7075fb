"""Says what a user who may not make namespaces is missing, and how to get it."""

import os
from pathlib import Path
from typing import Final

from pillion.local.isolation.enter import LIMIT_REACHED

_SYSCTL: Final = Path("/proc/sys")
# Settings by which systems keep them from ordinary users: the value that does, and the one that does not.
_SETTINGS: Final = (
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
)
_LIMITS: Final = "let root raise it: 'sysctl -a --pattern user.max_.*_namespaces' shows the limits"
_CONTAINER: Final = (
    "in a container, start that with '--privileged', or with profiles of seccomp and AppArmor that allow "
    "unshare(2) and mount(2)"
)


def missing(said: str) -> str:
    """Make a sentence of what `enter.py` could not do: `said` has the step, and the system's reason."""
    return f"services cannot be isolated: this user may not {said}: {_cure(said)}"


def _cure(said: str) -> str:
    if said.endswith(LIMIT_REACHED):
        return _LIMITS
    for name, wrong, right in _SETTINGS:
        if os.geteuid() != 0 and _reads(name, wrong):
            return f"let root allow it, by 'sysctl -w {name.replace('/', '.')}={right}', or be root"
    return _CONTAINER


def _reads(name: str, value: str) -> bool:
    try:
        return (_SYSCTL / name).read_text(encoding="ascii").strip() == value
    except OSError:
        return False
