"""Lays the Envoys' files down in the state folder, and takes away those of workloads that are no more."""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pillion.local.folder import write_privately


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files` (text by path, such as `orders/listeners.yaml`) below `folder`; no other stays there."""
    for path, text in files.items():
        where = folder / path
        where.parent.mkdir(mode=0o700, exist_ok=True)
        write_privately(where, text)
    kept = {PurePosixPath(path).parts[0] for path in files}
    for old in folder.iterdir():
        if old.name not in kept and old.is_dir():
            shutil.rmtree(old)
