"""A mesh of one service, and what a test does to it: kills, takes away, gives back."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests import mesh, wire
from tests.cli.echo_mesh import ECHO, topology
from tests.wire import Address, Mutual

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
PATH = "/x"


@dataclass(frozen=True)
class Faulty:
    """The mesh while it runs."""

    mesh: mesh.Mesh

    @property
    def edge(self) -> tuple[str, int]:
        """Where the edge listens."""
        return _address(self.mesh.workload("edge", "edge")["address"])

    @property
    def sidecar(self) -> Mutual:
        """Where the service's sidecar takes requests, for the edge."""
        return self.mesh.door("echo", "spiffe://test/edge")

    def token(self, lifetime: str = "1h") -> str:
        """Give a token with a session of its own."""
        return self.do("token", "--user", EMAIL, "--lifetime", lifetime).strip()

    def sid(self, token: str) -> str:
        """Name the session of a token."""
        return str(wire_json(self.edge, "/me", token)["session"])

    def do(self, *words: str) -> str:
        """Run `pillion WORDS…`, which must succeed; gives what it printed."""
        done = self.mesh.pillion(*words)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def pid(self, name: str, kind: str) -> int:
        """Give a workload's process."""
        return int(self.mesh.workload(name, kind)["pid"] or 0)

    def kill(self, name: str, kind: str) -> None:
        """End a workload's process and its children as a crash would."""
        process = psutil.Process(self.pid(name, kind))
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                os.kill(one.pid, signal.SIGKILL)

    def connected(self) -> bool:
        """Say whether every Envoy is connected, and has acknowledged what the others have."""
        told = [self.mesh.workload(*envoy) for envoy in (("edge", "edge"), ("echo", "sidecar"))]
        same = len({(tuple(one["keys"]), one["revocations"]) for one in told}) == 1
        return same and all(one["connected"] for one in told)

    @contextmanager
    def without_control_identity_and_database(self) -> Iterator[None]:
        """Kill them all, and see to it that none can come back before the block ends."""
        state = self.mesh.state
        hidden = state.parent / "hidden"
        hidden.mkdir()
        for name in ("identity.json", "control.json"):
            shutil.move(state / name, hidden / name)
        self.kill("control", "control")
        self.kill("identity", "identity")
        for file in state.glob("identity.sqlite3*"):
            shutil.move(file, hidden / file.name)
        try:
            yield
            assert not self._lives("control"), "control came back too early"
            assert not self._lives("identity"), "identity came back too early"
        finally:
            # The configurations last: nobody is to make a new database.
            for file in sorted(hidden.iterdir(), key=lambda file: file.suffix == ".json"):
                shutil.move(file, state / file.name)
            hidden.rmdir()

    def _lives(self, name: str) -> bool:
        return bool(self.mesh.workload(name, name)["state"] == "ready")


@contextmanager
def running(folder: Path, more: str = "") -> Iterator[Faulty]:
    """Run a mesh with the service `echo`, for whoever is signed in; `more` is more of its topology."""
    closed = topology().replace("rules: [{path: /, allow: anyone}]", "rules: []")
    with mesh.running(folder, closed + more, {"echo.py": ECHO}) as started:
        added = started.pillion("user", "add", EMAIL, "--password-stdin", given=PASSWORD)
        assert added.returncode == 0, added.stderr
        yield Faulty(started)


def status(address: Address, token: str, path: str = PATH) -> int:
    """Say how the bearer of a token is answered; 0 if nobody listens."""
    try:
        return wire.ask(address, f"GET {path} HTTP/1.1", "host: x", f"authorization: Bearer {token}").status
    except (OSError, AssertionError):
        return 0


def wire_json(address: Address, path: str, token: str) -> dict[str, object]:
    """Ask as the bearer of a token; gives the answer's JSON."""
    answer = wire.ask(address, f"GET {path} HTTP/1.1", "host: x", f"authorization: Bearer {token}")
    return dict(json.loads(answer.body))


def stays(condition: Callable[[], bool], what: str, seconds: float) -> None:
    """Fail if the condition does not hold all the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(0.02)


def _address(written: str) -> tuple[str, int]:
    host, _, port = written.rpartition(":")
    return host, int(port)
