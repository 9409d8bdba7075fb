"""Backs identity's database up into one file, whole or not at all, while everything runs."""

import os
import secrets
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from pillion.identity.config import Config
from pillion.identity.postgresql import given

_BUSY_SECONDS: Final = 5.0


class BackupError(Exception):
    """There is no backup; says why, and what to do."""


def back_up(config: Config, file: Path) -> None:
    """Write the backup to `file`, which must not exist (mode 0600); raises BackupError."""
    if file.exists() or file.is_symlink():
        raise BackupError(f"{file} is there already: name another file, or remove it")
    with _draft(file) as draft:
        if config.database == "sqlite":
            _copy_sqlite(config.database_file, draft)
        else:
            _dump(given(config.database), draft, file)


def _copy_sqlite(source: Path, draft: Path) -> None:
    """Copy by SQLite's own online backup: one state of things, and nobody who writes has to wait for it."""
    if not source.exists():
        raise BackupError(f"there is nothing to back up yet: {source} does not exist")
    try:
        with (
            closing(
                sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
            ) as database,
            closing(sqlite3.connect(draft, isolation_level=None)) as copy,
        ):
            database.backup(copy)
            # One file, without a write-ahead log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            found = [row for (row,) in copy.execute("PRAGMA integrity_check")]
            lost = copy.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}") from None
    if found != ["ok"] or lost:
        raise BackupError(f"{source} is damaged, and was not backed up: {found[0]}")


def _dump(parts: dict[str, Any], draft: Path, file: Path) -> None:
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - a laptop does without

    password = parts.pop("password", None)
    parts.pop("sslpassword", None)
    where = make_conninfo(**parts)  # no password: every user of this machine can read arguments
    command = ["pg_dump", "--format=custom", "--no-owner", "--no-password", "--dbname", where, "--file"]
    program = shutil.which("pg_dump")
    if program is None:
        asked = "PGPASSWORD=… " if password else ""
        raise BackupError(
            "PostgreSQL is backed up by its own pg_dump, which is not installed here. Where it is, run:\n"
            f"  {asked}{shlex.join(command)} {shlex.quote(str(file))}"
        )
    secret = {"PGPASSWORD": str(password)} if password else {}
    done = subprocess.run(
        [program, *command[1:], str(draft)],
        env={**os.environ, **secret},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"pg_dump failed: {done.stderr.strip() or f'exit code {done.returncode}'}")


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """Give a private file to write to, which takes its name when it is whole and on the disk."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        os.link(draft, file)  # fails, rather than replace one that somebody made meanwhile
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {(error.strerror or str(error)).lower()}") from None
    finally:
        draft.unlink(missing_ok=True)
