"""Sets an Envoy's audit log aside when it is full, so that it does not grow without end; no line is lost by it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from pillion.envoy import names
from pillion.local import admin
from pillion.local.folder import StateFolder
from pillion.local.mesh import Mesh
from pillion.plan import Plan, UnixSocket

FULL: Final = 64 * 1024 * 1024  # bytes
KEPT: Final = 9  # full ones, beside the one that is written to
_POLL_SECONDS: Final = 5.0


async def look(folder: StateFolder, plan: Plan, full: int = FULL) -> None:
    """Set aside what is full, as `NAME.jsonl.1`; what had that name becomes `.2`, and the oldest goes.

    An Envoy writes on to the file that it has open, whatever its name, until it is told to open its own again.
    """
    for workload in (plan.edge.workload, *(sidecar.workload for sidecar in plan.sidecars)):
        path = folder.root / names.audit_file(workload.name)
        with suppress(OSError):  # a disk that is full, say: tried again at the next look
            if path.exists() and path.stat().st_size >= full:
                _set_aside(path)
            if not path.exists() and _aged(path, 1).exists():
                await admin.reopen_logs(UnixSocket(path=names.admin_socket(workload.name)))


async def follow(mesh: Mesh) -> None:
    """Look for ever."""
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        await look(mesh.machine.folder, mesh.plan)


def _set_aside(path: Path) -> None:
    for age in range(KEPT - 1, 0, -1):
        with suppress(FileNotFoundError):
            _aged(path, age).replace(_aged(path, age + 1))
    path.replace(_aged(path, 1))


def _aged(path: Path, age: int) -> Path:
    return path.with_name(f"{path.name}.{age}")
