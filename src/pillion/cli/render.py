"""`pillion render`: the files, without running anything."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pillion import envoy, plan
from pillion.cli import topology_option
from pillion.vocabulary import STATE_FOLDER

# What every folder of an Envoy holds; a folder with something else in it is not ours to replace.
_MARK = "bootstrap.yaml"


@click.group()
def command() -> None:
    """Write the files that `pillion up` would run with, without running anything."""


@command.command("envoy")
@click.option(
    "-o",
    "--output",
    "output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write a folder per Envoy.",
)
@topology_option.option
def envoy_command(output: Path, file: Path | None) -> None:
    """Write a folder per Envoy: bootstrap, listeners, clusters, verification.

    The keys that tokens are checked with are those of the last `pillion up`; before the first one there are
    none, and every token is refused.

    \b
    Example:
        pillion render envoy -o envoy
        envoy -c envoy/edge/bootstrap.yaml      # from the folder that holds envoy/, run/ and audit/
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    path, topology = topology_option.read(file)
    planned = plan.build(topology, plan.assign(topology), plan.UnixSocket(path="run/identity.sock"))
    files = envoy.render(planned, _keys(path.parent / STATE_FOLDER / "jwks.json"))
    folders = {Path(name).parts[0] for name in files}
    _clear(output, folders)
    for name, text in files.items():
        target = output / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    click.echo(f"wrote {len(files)} files for {len(folders)} Envoys to {output}")


def _keys(path: Path) -> Mapping[str, Any]:
    try:
        keys: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        click.echo("no keys yet: every token is refused until 'pillion up' has made some", err=True)
        return {"keys": []}
    return keys


def _clear(output: Path, folders: set[str]) -> None:
    """Make room: folders of an earlier rendering go, anything else stays and is an error."""
    if not output.exists():
        return
    strange = sorted(entry.name for entry in output.iterdir() if not (entry / _MARK).is_file())
    if strange:
        raise click.ClickException(f"{output} holds something else ({strange[0]}): name an empty folder")
    for entry in output.iterdir():
        if entry.name not in folders:
            shutil.rmtree(entry)
