"""`pillion render compose`: a project of Docker Compose, without a container."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from pillion.cli import output_option, topology_option
from pillion.compose.files import COMPOSE_FILE, EXAMPLE_FILE, MADE, render
from pillion.topology import Address, Topology

_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755
_WRITTEN_ANEW: Final = ("authority", "control", "envoy", "identity")
# Docker has addresses for some thirty networks unless it is told otherwise.
_MANY_NETWORKS: Final = 25


@click.command("compose")
@output_option.option("Where to write compose.yaml, and the folders that its containers read.")
@topology_option.option
def command(output: Path, file: Path | None) -> None:
    """Write what Docker Compose runs: the edge, identity, control, a database, and every service with its sidecar.

    No secret is in it, and none is needed to make it: they come from .env, and .env.example says which. What is
    written is written anew each time; what you change or add belongs into compose.override.yaml. Envoys that run
    take up what is new in their files; for all else: docker compose up -d

    \b
    Example:
        pillion render compose -o deploy && cd deploy
        cp .env.example .env && chmod 600 .env    # and fill it in
        docker compose up -d
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    _, topology = topology_option.read_for_pods(file)
    try:
        files = render(topology)
        _refuse_strange(output)
        _replace(output, files)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {(error.strerror or 'i/o error').lower()}") from None
    for warning in _warnings(topology, files):
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"wrote {len(files)} files to {output}")
    click.echo(f"  next: fill in {output / '.env'} ({EXAMPLE_FILE} says what), then docker compose up -d")


def _refuse_strange(output: Path) -> None:
    """Stop where a compose.yaml lies that somebody else wrote."""
    path = output / COMPOSE_FILE
    if path.exists() and not path.read_text(encoding="utf-8").startswith(f"# {MADE}"):
        raise click.ClickException(
            f"{path} was not written by this command, and would be lost: name another folder"
        )


def _replace(output: Path, files: Mapping[str, str]) -> None:
    """Write the files, each in one step, so that an Envoy sees a whole one, and remove those that are no more.

    Everybody may read them: containers have a user of their own. A file that is the same stays as it is.
    """
    for name, text in files.items():
        target = output / name
        for folder in (target.parent, *target.parent.parents):
            if folder != output and folder.is_relative_to(output):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(_FOLDER_MODE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            draft = target.with_name(f".{target.name}.new")
            draft.write_text(text, encoding="utf-8")
            draft.chmod(_FILE_MODE)
            draft.replace(target)
    for name in _WRITTEN_ANEW:
        for path in sorted((output / name).rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
            elif path.is_file() and str(path.relative_to(output)) not in files:
                path.unlink()


def _warnings(topology: Topology, files: Mapping[str, str]) -> Iterator[str]:
    origin, listen = topology.edge.origin, topology.edge.listen
    if origin.startswith("http://") and "//localhost" not in origin and "//127." not in origin:
        yield f"edge.origin is {origin}: passwords and cookies would travel in clear; write an https one"
    if listen.host in {"127.0.0.1", "::1"} and "//localhost" not in origin:
        yield f"edge.listen is {listen}: nobody but this machine reaches the edge; write 0.0.0.0:{listen.port}"
    if isinstance(topology.telemetry.otlp, Address):
        yield (
            f"telemetry.otlp is {topology.telemetry.otlp}: in a container nobody listens there;"
            " write a container's name"
        )
    networks = files[COMPOSE_FILE].partition("\nnetworks:\n")[2].partition("\nvolumes:\n")[0]
    count = sum(line.startswith("  ") and line[2] != " " for line in networks.splitlines())
    if count > _MANY_NETWORKS:
        yield f"it has {count} networks: Docker needs default-address-pools for so many (docs/compose.md)"
