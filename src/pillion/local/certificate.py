"""Has the edge read its certificate again when a file of the pair has changed, however it was written."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from pillion.local.folder import StateFolder, write_privately

_POLL_SECONDS: Final = 1.0


async def follow(files: Sequence[Path], folder: StateFolder) -> None:
    """Look at `files` every second, for ever; after a change, rename a file in the edge's folder.

    Envoy reads the pair again whenever something is renamed there, and keeps the old pair if the new one does
    not fit. By itself it notices a rename beside the files alone: neither `cp` over them nor certbot's links.
    """
    seen = _marks(files)
    while True:
        await asyncio.sleep(_POLL_SECONDS)
        now = _marks(files)
        if now != seen:
            with suppress(OSError):  # the disk is full, say: tried again in a second
                write_privately(folder.envoy / "edge" / "certificate.seen", now)
                seen = now


def _marks(files: Sequence[Path]) -> str:
    """Tell one state of the files from another; a file that is away has none."""
    marks = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            marks.append(f"{file.name}: away")
        else:
            marks.append(f"{file.name}: {stat.st_ino} {stat.st_size} {stat.st_mtime_ns}")
    return "\n".join(marks)
