"""`pillion logs`: shows the processes' output."""

import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import click

from pillion.cli import topology_option
from pillion.local import LocalError
from pillion.local import logs as local
from pillion.local.view import console, prefixed


@click.command
@topology_option.option
@click.argument("name", required=False)
@click.option("--follow", is_flag=True, help="Go on with what is printed from now on, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), help="Of each process, show only the last N lines."
)
def command(file: Path | None, name: str | None, *, follow: bool, lines: int | None) -> None:
    """Show what the processes printed, by time, each line led by its process's name.

    NAME is a workload's: of a service, both its own lines and its sidecar's are shown; NAME.sidecar is the
    latter alone.

    \b
    Example:
        pillion logs orders --lines 20 --follow
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    try:
        paths = local.choose(topology_option.locate(file), name)
    except LocalError as error:
        raise click.ClickException(str(error)) from None
    follower = local.Follower(paths) if follow else None
    past = local.past(paths, lines)
    _show(
        chain(past, follower.lines()) if follower else past,
        [path.name.removesuffix(".log") for path in paths],
    )


def _show(lines: Iterable[local.Line], all_names: list[str]) -> None:
    terminal = console(sys.stdout)
    names: dict[str, str] = {}
    for name in all_names:
        prefixed(name, "", names)
    for line in lines:
        terminal.print(prefixed(line.name, line.text, names))
