"""`pillion status`: says what runs and how it is."""

import json
import sys
from pathlib import Path

import click
from rich.text import Text

from pillion.cli import topology_option
from pillion.local import LocalError, tables
from pillion.local import status as local
from pillion.local.view import console


@click.command
@topology_option.option
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on standard output.")
def command(file: Path | None, *, as_json: bool) -> None:
    """Say what runs and how it is; the exit code is 0 when everything is ready, and 1 when not.

    A service without `run` is yours to start: it is shown as up or down, and not waited for.

    \b
    Example:
        pillion status
        pillion status --json | jq -r '.workloads[] | select(.state != "ready") | .name'
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    try:
        status = local.look(topology_option.locate(file))
    except LocalError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(local.as_json(status), indent=2))
    elif status.supervisor is None and not any(shown.state == "unwatched" for shown in status.workloads):
        click.echo("nothing runs: start it with 'pillion up'")
    else:
        shown = (workload.entry.model_copy(update={"state": workload.state}) for workload in status.workloads)
        out = console(sys.stdout)
        out.print(tables.workloads(shown))
        if told := [workload.told for workload in status.workloads if workload.told is not None]:
            out.print()
            out.print(tables.envoys(told))
        if status.trust:
            out.print()
            out.print(tables.trust(status.trust))
        if status.edit is not None and not status.edit.taken_up:
            out.print()
            out.print(Text("\n".join(status.edit.said), style="red"))
        click.echo(_verdict(status))
    click.get_current_context().exit(0 if status.ready else 1)


def _verdict(status: local.Status) -> str:
    if status.ready:
        return f"ready — {status.edge}"
    if status.supervisor is None:
        return "not ready: 'pillion up' was killed and left these running; 'pillion down' or 'up' cleans up"
    waiting = [w.entry.name for w in status.workloads if w.state not in {"ready", "up", "down"}]
    return f"not ready: {', '.join(dict.fromkeys(waiting))}" if waiting else "not ready"
