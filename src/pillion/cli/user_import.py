"""`pillion user import`: take accounts over from a file."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from pillion.cli.identity import with_identity

if TYPE_CHECKING:  # Django only where it is needed
    from pillion.identity.user_import.lines import Lines
    from pillion.identity.user_import.run import Progress

_FORMATS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_STANDARD_INPUT: Final = "-"
_TELL_EVERY: Final = 10.0  # seconds, where there is no bar


@click.command(name="import")
@click.argument(
    "people", metavar="FILE", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl"]), help="What FILE is, where its name does not say."
)
@click.option(
    "--update", is_flag=True, help="Of accounts that exist, change roles and state to what FILE says."
)
@with_identity
def import_(people: Path, form: str | None, *, update: bool) -> None:
    """Take accounts over from FILE: CSV with a header, or JSON lines; '-' is standard input.

    Its columns, of which only email has to be there: email, password_hash or password, roles (a list, or with
    blanks or commas between them), verified and active (true or false). An address that is not said to be
    verified is not; an account is active unless the file says otherwise. Hashes of bcrypt, PBKDF2, scrypt and
    argon2 are taken as they are, and made anew at the next sign-in.

    An account that exists already is left as it is, so that an import can be run again after it was interrupted.
    With --update it gets the roles and the state that the file says; its password is never touched.

    Rows that cannot be imported are told, and written to FILE.rejected (stdin.rejected) with what is wrong, to be
    mended and imported; the exit code is then 1.

    \b
    Example:
        pillion user import people.csv
        zcat people.jsonl.gz | pillion user import - --format jsonl
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    from pillion.identity.accounts import require_own_passwords  # noqa: PLC0415 - needs Django
    from pillion.identity.user_import.csv_records import CsvRecords  # noqa: PLC0415
    from pillion.identity.user_import.json_records import JsonRecords  # noqa: PLC0415
    from pillion.identity.user_import.lines import ImportFileError, Lines  # noqa: PLC0415
    from pillion.identity.user_import.run import Progress, run  # noqa: PLC0415

    require_own_passwords()
    name = "standard input" if str(people) == _STANDARD_INPUT else str(people)
    records_of = JsonRecords if _form(people, form) == "jsonl" else CsvRecords
    rejected_to = _rejected_to(people)
    progress = Progress()
    try:
        with _opened(people) as (opened, size):
            lines = Lines(opened)
            records = records_of(lines)
            with _shown(lines, size) as (say, after_batch):
                for _ in run(
                    records,
                    rejected_to,
                    progress,
                    update=update,
                    told=lambda line, problem: say(f"{name}:{line}: {problem}"),
                ):
                    after_batch(progress)
    except ImportFileError as error:
        raise click.UsageError(f"{name}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or name}: {error.strerror}") from None
    finally:  # also of one that was interrupted, or could not be read on
        if progress.rows:
            _sum_up(progress, update=update)
    if progress.rejected:
        _told_where(progress, rejected_to)


def _rejected_to(people: Path) -> Path:
    if str(people) != _STANDARD_INPUT:
        return Path(f"{people}.rejected")
    here = Path("stdin.rejected")
    # In a pod nothing can be written but there.
    return here if os.access(here.parent, os.W_OK) else Path(tempfile.gettempdir()) / here


def _form(file: Path, form: str | None) -> str:
    found = form or _FORMATS.get(file.suffix.lower())
    if found is None:
        raise click.UsageError(
            "say with --format whether this is csv or jsonl: the name does not end in either"
        )
    return found


@contextmanager
def _opened(file: Path) -> Iterator[tuple[BinaryIO, int | None]]:
    """Open the file; gives its size too, where it has one."""
    if str(file) == _STANDARD_INPUT:
        yield sys.stdin.buffer, None
        return
    with file.open("rb") as opened:
        yield opened, file.stat().st_size if file.is_file() else None


@contextmanager
def _shown(
    lines: "Lines", size: int | None
) -> Iterator[tuple[Callable[[str], None], Callable[["Progress"], None]]]:
    """Show how far it is on standard error: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield (lambda line: click.echo(line, err=True)), _told_now_and_then()
        return
    from rich import progress  # noqa: PLC0415 - as above
    from rich.console import Console  # noqa: PLC0415

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=size)

        def after_batch(done: "Progress") -> None:
            bar.update(task, completed=lines.consumed, description=f"{done.rows:,} rows")

        yield (
            (
                lambda line: bar.console.print(
                    line, markup=False, highlight=False, emoji=False, soft_wrap=True
                )
            ),
            after_batch,
        )


def _told_now_and_then() -> Callable[["Progress"], None]:
    told = [time.monotonic()]

    def after_batch(done: "Progress") -> None:
        if time.monotonic() - told[0] > _TELL_EVERY:
            told[0] = time.monotonic()
            click.echo(f"{done.rows:,} rows so far, {done.rejected:,} of them rejected", err=True)

    return after_batch


def _sum_up(progress: "Progress", *, update: bool) -> None:
    total = progress.total
    said = [f"{total.added:,} added"]
    if total.existing:
        changed = f" ({total.updated:,} of them changed)" if update else ", and are as they were"
        said.append(f"{total.existing:,} exist already{changed}")
    click.echo("; ".join(said))
    if total.unverified:
        click.echo(
            f"note: {total.unverified:,} have an address that is not said to be verified: where addresses "
            "are confirmed by mail, they confirm it before they sign in",
            err=True,
        )
    if total.without_password:
        click.echo(f"note: {total.without_password:,} have no password yet", err=True)


def _told_where(progress: "Progress", rejected_to: Path) -> None:
    from pillion.identity.user_import.run import MOST_TOLD  # noqa: PLC0415 - as above

    rows = "1 row was" if progress.rejected == 1 else f"{progress.rejected:,} rows were"
    rest = progress.rejected - MOST_TOLD
    more = f" ({rest:,} of them are told of there alone)" if rest > 0 else ""
    raise click.ClickException(f"{rows} rejected: {rejected_to} has what, and why{more}")
