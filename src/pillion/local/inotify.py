"""How many files may be watched: each subscription of an Envoy to a file takes an inotify instance of its own.

Linux gives a user 128 by default, for twenty Envoys; one that gets none aborts, with a trace of its stack.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

# Listeners, clusters, the routes of two listeners, certificate, trust.
PER_ENVOY: Final = 6
# Of the user, and of the user namespace.
_LIMITS: Final = (
    Path("/proc/sys/fs/inotify/max_user_instances"),
    Path("/proc/sys/user/max_inotify_instances"),
)
_INSTANCE: Final = "anon_inode:inotify"


def missing(envoys: int) -> int:
    """Give how many instances so many more Envoys lack; 0 where files are watched in another way."""
    limits = [int(path.read_text(encoding="ascii")) for path in _LIMITS if path.exists()]
    if not limits:
        return 0
    # Counted, not tried: who takes some to see whether they are there takes them from an Envoy that starts now.
    return max(0, envoys * PER_ENVOY + sum(1 for _ in _in_use()) - min(limits))


def _in_use() -> Iterator[Path]:
    """Give the instances of this user's processes."""
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):  # it has ended, or is another user's
            if process.stat().st_uid != os.getuid():
                continue
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if str(descriptor.readlink()) == _INSTANCE:
                        yield descriptor
