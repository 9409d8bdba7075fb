"""`pillion database`, as an operator runs it: on SQLite, on a real PostgreSQL, and from one to the other."""

import json
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests import mesh, postgres
from tests.postgres import PASSWORD, Postgres

from pillion.local import lock

TOPOLOGY = "mesh: shop\nservices:\n  a: {app: 127.0.0.1:7999, paths: [/a]}\n"
EMAIL = "ada@example.org"
SECRET = "a%20password%20with%20%2F%20and%20%40"


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """Give a server."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a topology on SQLite."""
    written = tmp_path / "pillion.yaml"
    written.write_text(TOPOLOGY)
    return written


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder whose SQLite has an account, sessions, a revocation and two keys."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "pillion.yaml").write_text(TOPOLOGY)
    do(
        folder / "pillion.yaml",
        "user",
        "add",
        EMAIL,
        "--password-stdin",
        given="correct horse battery staple",
    )
    do(folder / "pillion.yaml", "token", "--user", EMAIL)
    do(folder / "pillion.yaml", "session", "revoke", "--user", EMAIL)
    do(folder / "pillion.yaml", "token", "--user", EMAIL, "--lifetime", "1h")
    do(folder / "pillion.yaml", "keys", "rotate")
    return folder


@pytest.fixture
def moving(used: Path, tmp_path: Path) -> Path:
    """Give a copy of that, to be moved."""
    folder = tmp_path / "moving"
    shutil.copytree(used, folder, ignore=shutil.ignore_patterns("*.sock"))
    return folder / "pillion.yaml"


def run(file: Path, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command, with the password of the database in its environment."""
    return mesh.pillion(file, *words, given=given, environ={"DB_PASSWORD": SECRET})


def do(file: Path, *words: str, given: str = "") -> str:
    """Run a command, which must succeed; gives what it printed."""
    done = run(file, *words, given=given)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def new(database: Postgres) -> tuple[str, str]:
    """Make an empty database; gives its URL, and that as one writes it."""
    url = database.new_database()
    return url, url.replace(SECRET, "${DB_PASSWORD}")


def ask(path: Path, query: str) -> list[Any]:
    """Ask a SQLite, or change it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        return opened.execute(query).fetchall()


def test_migrate_says_what_it_did(file: Path) -> None:
    first = do(file, "database", "migrate").splitlines()
    assert "applied identity.0001_initial" in first
    assert first[-1] == f"{file.parent}/.pillion/identity.sqlite3 is up to date"
    assert do(file, "database", "migrate").endswith("is up to date: there was nothing to do\n")


def test_a_backup_is_whole_private_and_never_replaces_anything(used: Path, tmp_path: Path) -> None:
    file, backup = used / "pillion.yaml", tmp_path / "ada.backup"
    said = do(file, "database", "backup", str(backup))
    assert f"wrote {backup}" in said
    assert "secrets/master.key as well" in said
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert ask(backup, "SELECT email FROM identity_user") == [(EMAIL,)]
    assert ask(backup, "PRAGMA journal_mode") == [("delete",)]
    was = backup.read_bytes()
    again = run(file, "database", "backup", str(backup))
    assert (again.returncode, again.stderr) == (
        1,
        f"Error: {backup} is there already: name another file, or remove it\n",
    )
    assert backup.read_bytes() == was
    nowhere = run(file, "database", "backup", str(tmp_path / "none" / "x"))
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (1, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["ada.backup"]


def test_a_backup_of_nothing_says_so(file: Path, tmp_path: Path) -> None:
    failed = run(file, "database", "backup", str(tmp_path / "x"))
    assert failed.returncode == 1
    assert "there is nothing to back up yet" in failed.stderr


def test_a_damaged_database_is_not_backed_up(moving: Path, tmp_path: Path) -> None:
    path = moving.parent / ".pillion" / "identity.sqlite3"
    ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[8192 : len(content) // 2] = b"\x5a" * (len(content) // 2 - 8192)
    path.write_bytes(content)
    failed = run(moving, "database", "backup", str(tmp_path / "x"))
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "x").exists()


def test_everything_moves_to_postgresql(moving: Path, database: Postgres) -> None:
    """People stay signed in, keys stay keys, and the next revocation has a number of its own."""
    url, written = new(database)
    source = moving.parent / ".pillion" / "identity.sqlite3"
    ((latest,),) = ask(source, "SELECT max(id) FROM identity_revocation")
    before = [
        do(moving, *words, "--json") for words in (("keys", "list"), ("session", "list"), ("user", "list"))
    ]
    said = do(moving, "database", "copy", "--to", written)
    assert "both sides have as many in every table" in said
    assert f"database: {written}\n" in said
    moving.write_text(f"{TOPOLOGY}identity: {{database: '{written}'}}\n")
    after = [
        do(moving, *words, "--json") for words in (("keys", "list"), ("session", "list"), ("user", "list"))
    ]
    assert after == before
    assert len(json.loads(after[1])) == 1
    do(moving, "session", "revoke", "--user", EMAIL)
    assert database.ask("SELECT 1") == [(1,)]
    with postgres.connected(url) as copied:
        ((number,),) = copied.execute("SELECT max(id) FROM identity_revocation").fetchall()
    assert number == latest + 1
    twice = run(moving, "database", "copy", "--to", written)
    assert (twice.returncode, "is a PostgreSQL already" in twice.stderr) == (2, True)


def test_a_copy_that_fails_leaves_nothing_and_can_be_run_again(moving: Path, database: Postgres) -> None:
    """PostgreSQL holds no NUL; SQLite does."""
    url, written = new(database)
    source = moving.parent / ".pillion" / "identity.sqlite3"
    ask(source, "UPDATE identity_session SET user_agent = 'secret' || char(0)")
    failed = run(moving, "database", "copy", "--to", written)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "PostgreSQL does not take what identity_session holds in row 1" in failed.stderr
    assert "Nothing was copied" in failed.stderr
    assert "secret" not in failed.stderr
    with postgres.connected(url) as target:
        assert target.execute("SELECT count(*) FROM identity_user").fetchall() == [(0,)]
    ask(source, "UPDATE identity_session SET user_agent = ''")
    do(moving, "database", "copy", "--to", written)


def test_a_copy_is_refused_where_it_would_lose_or_mix_something(moving: Path, database: Postgres) -> None:
    url, written = new(database)
    with postgres.connected(url) as target:
        target.execute("CREATE TABLE theirs (id int)")
    mixed = run(moving, "database", "copy", "--to", written)
    assert (mixed.returncode, "tables that are not Pillion's (theirs)" in mixed.stderr) == (1, True)
    with postgres.connected(url) as target:
        target.execute("DROP TABLE theirs")
        assert target.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchall() == [
            (0,)
        ]
    with lock.held(moving.parent / ".pillion" / "run" / "supervisor.lock"):
        running = run(moving, "database", "copy", "--to", written)
    assert (running.returncode, "stop it first, with 'pillion down'" in running.stderr) == (1, True)
    do(moving, "database", "copy", "--to", written)
    full = run(moving, "database", "copy", "--to", written)
    assert (full.returncode, "the target is not empty" in full.stderr) == (1, True)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://me:hunter2@db/x", "write 'postgresql://USER:${DB_PASSWORD}@HOST/NAME'"),
        ("postgresql://me@db/x?password=hunter2", "write 'postgresql://USER:${DB_PASSWORD}@HOST/NAME'"),
        ("postgresql://me:${NO_SUCH}@db/x", "the environment variable 'NO_SUCH' is not set"),
        ("mysql://me@db/x", "write postgresql://USER:${DB_PASSWORD}@HOST/NAME"),
        ("postgresql://me@db", "it names no database"),
        ("postgresql://me@db/x?nonsense=1", "libpq cannot read it"),
    ],
)
def test_a_target_that_cannot_be_is_refused_without_its_password(moving: Path, url: str, why: str) -> None:
    refused = run(moving, "database", "copy", "--to", url)
    assert refused.returncode == 2
    assert why in refused.stderr
    assert "hunter2" not in refused.stderr


def test_postgresql_is_backed_up_by_its_own_program(file: Path, database: Postgres, tmp_path: Path) -> None:
    """Which is given no password in its arguments; where it is missing, the command is said."""
    _, written = new(database)
    file.write_text(f"{TOPOLOGY}identity: {{database: '{written}'}}\n")
    assert "pillion@127.0.0.1" in do(file, "database", "migrate")
    tools = tmp_path / "bin"
    tools.mkdir()
    real = shutil.which("pg_dump", path=postgres.programs())
    (tools / "pg_dump").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\nexec {real} "$@"\n')
    (tools / "pg_dump").chmod(0o755)
    backup = tmp_path / "x.backup"
    environ = {"DB_PASSWORD": SECRET, "PATH": f"{tools}:/usr/bin:/bin"}
    done = mesh.pillion(file, "database", "backup", str(backup), environ=environ)
    assert done.returncode == 0, done.stderr
    assert backup.read_bytes().startswith(b"PGDMP")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert PASSWORD not in (tmp_path / "arguments").read_text()
    (tools / "pg_dump").unlink()
    missing = mesh.pillion(file, "database", "backup", f"{backup}2", environ=environ | {"PATH": str(tools)})
    assert missing.returncode == 1
    assert "pg_dump --format=custom --no-owner" in missing.stderr
    assert PASSWORD not in missing.stderr
