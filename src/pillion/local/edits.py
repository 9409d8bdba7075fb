"""Takes up the topology file when it is edited; of an edit that is wrong it says why, and changes nothing."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from pillion.local.failure import LocalError
from pillion.local.mesh import Mesh
from pillion.local.record import Edit
from pillion.local.undo import HalfDoneError
from pillion.problem import InvalidInputError
from pillion.topology import load

# An editor may write the file in several pieces: it is read when it has been the same for two looks.
POLL_SECONDS: Final = 0.1

Mark = tuple[int, int, int]


async def follow(mesh: Mesh, printed: Callable[[str, str], None]) -> None:
    """Look at the file for ever; `printed` is given what is to be said, line by line."""
    file = mesh.machine.file
    taken: Mark | None = None  # also what changed while everything was being started is taken up
    before: Mark | None = None
    while True:
        now = _mark(file)
        if now is not None and now == before and now != taken:
            taken = now
            if (edit := await _take_up(mesh, file)) is not None:
                mesh.supervisor.edited(edit)
                for line in edit.said:
                    printed("pillion", line)
            with suppress(OSError):  # the disk is full, say: what is left is tidied up after the next edit
                await mesh.tidy()
        before = now
        await asyncio.sleep(POLL_SECONDS)


async def _take_up(mesh: Mesh, file: Path) -> Edit | None:
    """Take the file up as it is now; None if it says what runs already, and was never wrong."""
    began = time.monotonic()
    try:
        topology = await asyncio.to_thread(load, file, mesh.machine.user)
        if topology == mesh.topology:
            return _as_it_runs(mesh, file)
        changes = await mesh.take_up(topology)
    except InvalidInputError as error:
        problems = (replace(p, place=replace(p.place, file=file.name)) for p in error.problems)
        return _refused(file, *map(str, problems))
    except HalfDoneError as error:
        half = f"{file.name}: half taken up: 'pillion down' and 'pillion up' mend it"
        return Edit(at=time.time(), taken_up=False, said=(*str(error).splitlines(), half))
    except LocalError as error:
        return _refused(file, *str(error).splitlines())
    except OSError as error:
        return _refused(file, f"{error.filename}: {(error.strerror or 'input/output error').lower()}")
    said = f"{file.name}: taken up in {time.monotonic() - began:.1f} s ({'; '.join(changes)})"
    return Edit(at=time.time(), taken_up=True, said=(said,))


def _as_it_runs(mesh: Mesh, file: Path) -> Edit | None:
    if mesh.supervisor.edit is None or mesh.supervisor.edit.taken_up:
        return None
    return Edit(at=time.time(), taken_up=True, said=(f"{file.name}: says again what runs",))


def _refused(file: Path, *why: str) -> Edit:
    return Edit(
        at=time.time(),
        taken_up=False,
        said=(*why, f"{file.name}: not taken up; everything runs as before"),
    )


def _mark(file: Path) -> Mark | None:
    """Tell one state of the file from another; None while an editor has it away."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
