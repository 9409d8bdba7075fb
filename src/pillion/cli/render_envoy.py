"""`pillion render envoy`: a folder per Envoy, without running anything."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pillion import plan
from pillion.cli import output_option, topology_option
from pillion.control.known import read_trusted
from pillion.envoy.files import render
from pillion.envoy.names import KNOWN_FOLDER, REVOKED_FILE, trusted_keys_file
from pillion.local import folder

# What every folder of an Envoy holds; a folder with something else in it is not ours to replace.
_MARK = "bootstrap.yaml"


@click.command("envoy")
@output_option.option("Where to write a folder per Envoy.")
@topology_option.option
def command(output: Path, file: Path | None) -> None:
    """Write a folder per Envoy: bootstrap, listeners, clusters.

    What an Envoy starts with until control tells it more lies in _known/: the keys and revocations are those of
    the last `pillion up`; before the first one there are none, and the Envoys serve nobody. The sidecars' ports
    count up from 15001, so that the same topology gives the same files; `pillion up` takes others where those are
    in use.

    \b
    Example:
        pillion render envoy -o envoy
        envoy -c envoy/edge/bootstrap.yaml      # from the folder that holds envoy/, certificates/, run/ and audit/
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    path, topology = topology_option.read(file)
    try:
        _refuse_strange(output)
        planned = plan.build(topology, plan.assign(topology), folder.IDENTITY_SOCKET)
        state = folder.of(path)
        files = render(planned, _keys(state.jwks)) | _last_told(state.envoy, planned)
        _replace(output, files)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {(error.strerror or 'i/o error').lower()}") from None
    envoys = len(_folders(files) - {KNOWN_FOLDER})
    click.echo(f"wrote {len(files)} files for {envoys} Envoys to {output}")


def _keys(path: Path) -> Mapping[str, Any]:
    try:
        keys: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        click.echo("no keys yet: these Envoys serve nobody; 'pillion up' makes some", err=True)
        return {"keys": []}
    except ValueError:
        raise click.ClickException(
            f"{path} holds no keys: remove it, and 'pillion up' writes it anew"
        ) from None
    return keys


def _last_told(envoys: Path, planned: plan.Plan) -> dict[str, str]:
    """Give what control wrote down last of revocations and of the keys of other issuers."""
    trusted = (issuer for issuer in planned.verification.trusted if read_trusted(envoys, issuer).keys)
    told = (REVOKED_FILE, *(trusted_keys_file(issuer.name) for issuer in trusted))
    return {name: (envoys / name).read_text(encoding="utf-8") for name in told if (envoys / name).exists()}


def _refuse_strange(output: Path) -> None:
    """Stop unless `output` holds nothing but folders of an earlier rendering."""
    if not output.exists():
        return
    strange = sorted(
        entry.name
        for entry in output.iterdir()
        if entry.name != KNOWN_FOLDER and not (entry / _MARK).is_file()
    )
    if strange:
        raise click.ClickException(f"{output} holds something else ({strange[0]}): name an empty folder")


def _replace(output: Path, files: Mapping[str, str]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for entry in output.iterdir():
        if entry.name not in _folders(files):
            shutil.rmtree(entry)
    for name, text in files.items():
        target = output / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _folders(files: Mapping[str, str]) -> set[str]:
    return {Path(name).parts[0] for name in files}
