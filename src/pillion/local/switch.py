"""Leads running Envoys from one set of files to another, so that at no moment a route leads nowhere.

First each has the clusters of both; then listeners and routes change; then the clusters that are not needed any
more go. Each step ends when every Envoy has said that it has taken it up.
"""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pillion.envoy import names
from pillion.envoy.text import together
from pillion.local import admin
from pillion.local.failure import LocalError
from pillion.local.folder import write_privately
from pillion.local.keeper import Keeper
from pillion.plan import UnixSocket

PATIENCE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.01
_LOG_SECONDS: Final = 0.1
_VERSION: Final = re.compile(r"^version_info: '?([^'\n]+)'?$", re.MULTILINE)

Files = Mapping[str, str]


async def switch(folder: Path, envoys: Iterable[Keeper], before: Files, after: Files) -> None:
    """Replace the files `before` by `after`, which are texts by paths such as `orders/listeners.yaml`.

    Raises LocalError, with Envoy's own words, when one does not take its files: some may then have the new ones.
    """
    running = list(envoys)
    both = {
        path: together(before[path], text)
        for path, text in after.items()
        if path.endswith(names.CLUSTERS_FILE)
    }
    rest = {path: text for path, text in after.items() if path not in both}
    for step in (both, rest, {path: after[path] for path in both}):
        await _step(folder, running, step)


async def _step(folder: Path, envoys: list[Keeper], files: Files) -> None:
    concerned = [envoy for envoy in envoys if any(_of(envoy, path) for path in files)]
    refused = [await _refusals(envoy) for envoy in concerned]
    for path, text in files.items():
        write_privately(folder / path, text)
    await asyncio.gather(
        *(
            _taken(
                envoy,
                {_statistic(path): _version(text) for path, text in files.items() if _of(envoy, path)},
                was,
            )
            for envoy, was in zip(concerned, refused, strict=True)
        )
    )


async def _taken(envoy: Keeper, wanted: Mapping[str, str], refused: int) -> None:
    """Wait until an Envoy has these versions; one that is just being started again reads them at its start."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        said = await admin.taken_up(_admin(envoy))
        if said is not None and said.rejected > refused:
            await asyncio.sleep(_LOG_SECONDS)  # what it says of it comes through another pipe
            raise LocalError(f"{envoy.spec.title} does not take its configuration{envoy.why()}")
        if said is not None and not said.warming and wanted.items() <= said.versions.items():
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise LocalError(
        f"{envoy.spec.title} has not taken its configuration within {PATIENCE_SECONDS:g} s{envoy.why()}"
    )


async def _refusals(envoy: Keeper) -> int:
    said = await admin.taken_up(_admin(envoy))
    return said.rejected if said else 0


def _admin(envoy: Keeper) -> UnixSocket:
    assert envoy.spec.admin is not None  # noqa: S101 - every Envoy has one
    return envoy.spec.admin


def _of(envoy: Keeper, path: str) -> bool:
    return path.startswith(f"{envoy.spec.name}/")


def _statistic(path: str) -> str:
    """Name the statistics of the subscription to a file."""
    file = path.rpartition("/")[2]
    known = {names.CLUSTERS_FILE: "cluster_manager.cds", names.LISTENERS_FILE: "listener_manager.lds"}
    listener = file.partition(".")[0]
    return known.get(file, f"http.{listener}.rds.{listener}")


def _version(text: str) -> str:
    found = _VERSION.search(text)
    assert found is not None  # noqa: S101 - `pillion.envoy.files` writes one into each
    return found[1]
