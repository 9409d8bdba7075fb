"""`pillion down`: stops what runs."""

from pathlib import Path

import click

from pillion.cli import topology_option
from pillion.local import LocalError
from pillion.local import down as local


@click.command
@topology_option.option
def command(file: Path | None) -> None:
    """Stop what 'pillion up' started, in order; or what it left running when it was killed.

    When nothing runs, it says so.

    \b
    Example:
        pillion down
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    try:
        local.stop(topology_option.locate(file), click.echo)
    except LocalError as error:
        raise click.ClickException(str(error)) from None
