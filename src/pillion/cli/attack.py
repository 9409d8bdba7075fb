"""`pillion attack`: tries the known attacks on the running mesh."""

import itertools
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from pillion.attack import report
from pillion.attack.catalogue import FAMILIES
from pillion.attack.outcome import Result, Verdict
from pillion.attack.run import failed, run
from pillion.attack.target import Target
from pillion.cli import topology_option
from pillion.cli.attack_target import target_of
from pillion.local.view import console

_STYLES = {
    Verdict.HELD: "green",
    Verdict.KNOWN: "yellow",
    Verdict.SKIPPED: "dim",
    Verdict.UNCLEAR: "red",
    Verdict.THROUGH: "bold red",
}


@click.command()
@topology_option.option
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone on standard output.")
@click.option(
    "--junit",
    type=click.File("w", encoding="utf-8", lazy=False),
    metavar="FILE",
    help="Write what came of it for continuous integration, too.",
)
def command(file: Path | None, *, as_json: bool, junit: TextIO | None) -> None:
    """Try the known attacks on the mesh that runs here, and say what it answered.

    Nothing but the addresses of that mesh is attacked. Three accounts and a client are made for it, and removed in
    the end. The exit code is 1 if an attack got through, or if nobody can tell; 'known' are those that the
    documentation speaks of (SECURITY.md).

    \b
    Example:
        pillion up --detach && pillion attack
        pillion attack --json | jq -r '.attacks[] | select(.verdict == "got through") | .name'
        pillion attack --junit attacks.xml
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with target_of(file) as target:
        began = time.monotonic()
        results = _run(target, shown=not as_json)
        seconds = time.monotonic() - began
    if junit is not None:
        junit.write(report.as_junit(results, seconds))
    if as_json:
        click.echo(json.dumps(report.as_json(results, seconds), indent=2))
    else:
        _print(console(sys.stdout), results)
        click.echo(report.summary(results, seconds))
    click.get_current_context().exit(1 if failed(results) else 0)


def _run(target: Target, *, shown: bool) -> list[Result]:
    """Run them all, and show on standard error how far it is."""
    results: list[Result] = []
    columns = (SpinnerColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    out = Console(stderr=True)
    with Progress(
        *columns, console=out, transient=True, disable=not shown or not out.is_terminal
    ) as progress:
        task = progress.add_task("", total=sum(len(family.attacks) for family in FAMILIES))
        for result in run(target, FAMILIES):
            results.append(result)
            progress.update(task, advance=1, description=f"{result.family}: {result.attack.name}")
    return results


def _print(out: Console, results: Sequence[Result]) -> None:
    """Print a line for each family, and for each attack that was not held."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("FAMILY", "TRIED", "HELD", "KNOWN", "SKIPPED", "GOT THROUGH"):
        table.add_column(name, justify="left" if name == "FAMILY" else "right")
    for family, group in itertools.groupby(results, key=lambda result: result.family):
        counted = report.count(list(group))
        bad = counted[Verdict.THROUGH] + counted[Verdict.UNCLEAR]
        table.add_row(
            family,
            str(counted.total() - counted[Verdict.SKIPPED]),
            str(counted[Verdict.HELD]),
            *(str(counted[verdict] or "") for verdict in (Verdict.KNOWN, Verdict.SKIPPED)),
            Text(str(bad), style="bold red" if bad else ""),
        )
    out.print(table)
    out.print()
    for result in results:
        if result.outcome.verdict is not Verdict.HELD:
            said = Text(f"{result.outcome.verdict}: ", style=_STYLES[result.outcome.verdict])
            said.append(
                f"{result.family}: {result.attack.name} ({result.attack.reference}): ", style="default"
            )
            said.append(result.outcome.answered, style="default")
            out.print(said)
