"""`pillion database`: identity's database is brought up to date, backed up, and moved to PostgreSQL."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pillion.cli import topology_option
from pillion.cli.group import Group
from pillion.cli.identity import open_identity, own_config
from pillion.topology.secrets import shows_password
from pillion.topology.variables import fill

if TYPE_CHECKING:  # only what is needed
    from pillion.identity.config import Config


@click.group(cls=Group)
def command() -> None:
    """Look after the database that accounts, sessions and keys are in.

    \b
    Example:
        pillion database backup identity-2026-11-25.backup
        pillion database copy --to 'postgresql://pillion:${DB_PASSWORD}@db.example/pillion'
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command()
@topology_option.option_or_pod
def migrate(file: Path | None) -> None:
    """Bring the tables up to date with this version of Pillion, and say what was done.

    `pillion up` does so by itself. Run it beforehand where several machines share one database; of several at
    once, one does it and the others wait.

    \b
    Example:
        pillion database migrate -f production.yaml
    """  # noqa: D301
    applied = open_identity(file).applied
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"{_where()} is up to date{'' if applied else ': there was nothing to do'}")


@command.command()
@click.argument("backup", metavar="FILE", type=click.Path(path_type=Path))
@topology_option.option_or_pod
def backup(file: Path | None, backup: Path) -> None:
    """Write a backup of the database to FILE, which must not exist yet. Everything may run meanwhile.

    SQLite is copied by its own online backup, and the copy checked; to go back, stop everything and put it in the
    place of .pillion/identity.sqlite3 (and remove identity.sqlite3-wal and -shm). PostgreSQL is backed up by its
    own pg_dump; to go back, use pg_restore.

    Signing keys in it are encrypted: without the master key they are worth nothing, to you as well.

    \b
    Example:
        pillion database backup /backup/identity-$(date +%F).backup
    """  # noqa: D301
    from pillion.identity import master_key  # noqa: PLC0415 - only what is needed
    from pillion.identity.backup import BackupError, back_up  # noqa: PLC0415

    config = own_config(file) or _config(file)
    try:
        back_up(config, backup)
    except BackupError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"wrote {backup} ({backup.stat().st_size:,} bytes), and it is whole")
    if master_key.VARIABLE not in os.environ:
        click.echo(f"keep {master_key.file_in(config.state)} as well, elsewhere: the signing keys need it")


@command.command()
@click.option(
    "--to",
    "target",
    required=True,
    metavar="URL",
    help="An empty PostgreSQL; ${NAME} is taken from the environment.",
)
@topology_option.option
def copy(file: Path | None, target: str) -> None:
    """Copy everything from SQLite to an empty PostgreSQL: accounts, sessions, keys, revocations, limits.

    All or nothing: it is one transaction, so that an interrupted copy leaves nothing behind, and can be run again.
    Nothing may run meanwhile: what people did would be lost. The SQLite file stays as it is.

    \b
    Example:
        createdb --owner pillion pillion
        export DB_PASSWORD=…
        pillion database copy --to 'postgresql://pillion:${DB_PASSWORD}@db.example/pillion'
    """  # noqa: D301
    from pillion.local import folder, lock  # noqa: PLC0415 - only what is needed
    from pillion.local.failure import LocalError  # noqa: PLC0415

    url = _target(target)
    path, topology = topology_option.read(file)
    state = folder.of(path)
    if topology.identity.database != "sqlite":
        raise click.UsageError(
            f"identity.database in {path.name} is a PostgreSQL already: copy goes from SQLite; "
            "from one PostgreSQL to another go pg_dump and pg_restore"
        )
    if not state.identity_database.exists():
        raise click.ClickException(
            f"there is nothing to copy: {state.identity_database} does not exist. "
            "Write the database into the topology, and start"
        )
    open_identity(file)
    try:
        with lock.held(state.lock):
            _copy(url)
    except (LocalError, OSError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(
        f"\nNow write into {path.name}, under identity:\n"
        f"    database: {target}\n"
        "and run 'pillion up'. People stay signed in, and tokens good: keep .pillion/secrets/ where it is,\n"
        f"or take it along. {state.identity_database.name} is used no more: remove it when you are sure."
    )


def _config(file: Path | None) -> "Config":
    """Say where the database of a topology is, whether or not anything was ever started."""
    from pillion.identity.config import Config  # noqa: PLC0415 - only what is needed
    from pillion.local import folder, identity_config  # noqa: PLC0415

    path, topology = topology_option.read(file)
    return Config(
        mesh=topology.mesh,
        origin=topology.edge.origin,
        database=identity_config.plain(topology.identity.database),
        state=folder.of(path).root,
    )


def _copy(url: str) -> None:
    from pillion.identity.copying import CopyError, copy  # noqa: PLC0415
    from pillion.identity.postgresql import UrlError  # noqa: PLC0415
    from pillion.identity.prepare import UnusableDatabaseError  # noqa: PLC0415

    try:
        with _progress() as tell:
            copied = copy(url, tell)
    except UrlError as error:
        raise click.UsageError(f"--to: {error}") from None
    except (CopyError, UnusableDatabaseError) as error:
        raise click.ClickException(f"{error}. Nothing was copied") from None
    for table in copied:
        if table.rows:
            click.echo(f"{table.rows:>9,}  {table.table}")
    click.echo(
        f"{sum(table.rows for table in copied):>9,}  rows copied; both sides have as many in every table"
    )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show on a terminal how far it is; nothing elsewhere."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("copying", total=None)

        def tell(table: str, done: int, total: int) -> None:
            shown.update(task, description=table, completed=done, total=total)

        yield tell


def _target(written: str) -> str:
    """Put the variables in; a password that stands in the arguments is refused."""
    if shows_password(written):
        raise click.UsageError(
            "--to: everybody on this machine can read a command's arguments, and the password in them: "
            "write 'postgresql://USER:${DB_PASSWORD}@HOST/NAME', in single quotes, and set DB_PASSWORD; "
            "or leave it out, and let ~/.pgpass have it"
        )
    filled = fill(written, os.environ)
    if filled.mistakes:
        raise click.UsageError("; ".join(f"--to: {message}" for _, message in filled.mistakes))
    if not filled.text.startswith("postgresql://"):
        raise click.UsageError("--to: write postgresql://USER:${DB_PASSWORD}@HOST/NAME, in single quotes")
    return filled.text


def _where() -> str:
    """Name the database that is in use, without its password."""
    from django.conf import settings  # noqa: PLC0415

    from pillion.identity.postgresql import named  # noqa: PLC0415

    config = settings.PILLION
    return str(config.database_file) if config.database == "sqlite" else named(config.database)
