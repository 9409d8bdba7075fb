"""A real PostgreSQL of a test's own, which can be killed and started again."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import mesh
from tests.local.waiting import until

PASSWORD = "a password with / and @"
URL = "postgresql://pillion:a%20password%20with%20%2F%20and%20%40@127.0.0.1:{port}/pillion"
_NUMBERS = itertools.count(1)
_PLACES = ("/usr/lib/postgresql", "/opt/homebrew/opt")


@dataclass
class Postgres:
    """A server; `url` names its database, with a password in it."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    server: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def url(self) -> str:
        """Where the database is."""
        return URL.format(port=self.port)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database, or change it."""
        with connected(self.url) as database:
            asked = database.execute(query, values)
            return asked.fetchall() if asked.description else []

    def new_database(self) -> str:
        """Make an empty database beside the others; gives its URL."""
        name = f"fresh{next(_NUMBERS)}"
        self.ask(f"CREATE DATABASE {name}")
        return f"{self.url.rpartition('/')[0]}/{name}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1", *self.options]
        self.server = subprocess.Popen(
            [_program("postgres"), "-D", str(self.folder), "-k", str(self.folder), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_somebody(),
        )
        until(self._answers, "PostgreSQL answers")

    def kill(self) -> None:
        """End it and all of its processes as a power cut would."""
        assert self.server is not None
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except psycopg.Error:
            return False
        return True


def connected(url: str) -> "psycopg.Connection[Any]":
    """Connect to a database, for a block; every statement is a transaction of its own."""
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def is_there() -> bool:
    """Say whether there is one to run."""
    return shutil.which("initdb", path=programs()) is not None


@contextmanager
def running(*options: str) -> Iterator[Postgres]:
    """Run one, with these options, until the block ends; the test is skipped where there is none."""
    if not is_there():
        pytest.skip("PostgreSQL is not installed")
    [port] = mesh.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="pillion-pg-") as made:
        folder = Path(made)
        secret = folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        somebody = _somebody()
        if "user" in somebody:
            for path in (folder, secret):
                shutil.chown(path, somebody["user"])
        data = folder / "data"
        login = ["-U", "pillion", "--pwfile", str(secret), "--auth", "scram-sha-256"]
        subprocess.run(
            [_program("initdb"), "-D", str(data), "-E", "UTF8", "--locale=C.UTF-8", *login],
            check=True,
            stdout=subprocess.DEVNULL,
            **somebody,
        )
        server = Postgres(data, port, options)
        with subprocess.Popen(
            [_program("postgres"), "--single", "-D", str(data), "postgres"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **somebody,
        ) as single:
            single.communicate(b"CREATE DATABASE pillion;\n")
        server.start()
        try:
            yield server
        finally:
            server.kill()


def programs() -> str:
    """Say where PostgreSQL's programs may be."""
    found = [str(path) for place in _PLACES for path in sorted(Path(place).glob("*/bin"), reverse=True)]
    return os.pathsep.join((*found, os.environ["PATH"]))


def _program(name: str) -> str:
    found = shutil.which(name, path=programs())
    assert found is not None, f"there is no {name}"
    return found


def _somebody() -> dict[str, Any]:
    """PostgreSQL does not run as root: then it is another user's. It has a process group of its own."""
    own: dict[str, Any] = {"start_new_session": True, "cwd": "/"}
    if os.geteuid() != 0:
        return own
    users = {user.pw_name for user in pwd.getpwall()}
    return own | {"user": "postgres" if "postgres" in users else "nobody", "group": None}
