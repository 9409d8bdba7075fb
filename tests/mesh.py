"""A running mesh for tests: real processes, started and stopped by the command line as a user would."""

import itertools
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pillion.local import status
from tests import mtls, wire

START_SECONDS = 90.0
STOP_SECONDS = 40.0


@dataclass(frozen=True)
class Mesh:
    """A mesh that runs; `edge` is its origin, `state` its state folder."""

    file: Path
    edge: str
    _contexts: dict[str, ssl.SSLContext] = field(default_factory=dict, compare=False)

    @property
    def state(self) -> Path:
        """The folder of everything that the mesh keeps."""
        return self.file.parent / ".pillion"

    def pillion(
        self, *words: str, timeout: float = STOP_SECONDS, given: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run `pillion WORDS… -f` this mesh's file; asserts nothing about how it ends."""
        return pillion(self.file, *words, timeout=timeout, given=given)

    def status(self) -> dict[str, Any]:
        """Give what `pillion status --json` says, without the half second that a command takes."""
        return status.as_json(status.look(self.file))

    def workload(self, name: str, kind: str) -> dict[str, Any]:
        """Give one workload of the status."""
        found = [w for w in self.status()["workloads"] if (w["name"], w["kind"]) == (name, kind)]
        assert len(found) == 1, f"{kind} {name} is {len(found)} times in the status"
        workload: dict[str, Any] = found[0]
        return workload

    def sidecar(self, service: str) -> str:
        """Give the address at which a service's sidecar takes requests, as a URL."""
        return f"https://{self.workload(service, 'sidecar')['address']}"

    def door(self, service: str, caller: str) -> wire.Mutual:
        """Give the same for bytes, in the place of the workload that is called so."""
        host, _, port = str(self.workload(service, "sidecar")["address"]).rpartition(":")
        return wire.Mutual(host, int(port), self.identified(caller))

    def identified(self, spiffe_id: str) -> ssl.SSLContext:
        """Take the place of a workload of this mesh, such as `spiffe://shop/edge`."""
        if spiffe_id not in self._contexts:  # a key and a certificate take longer than a request
            name = spiffe_id.removeprefix("spiffe://").partition("/")[0]
            self._contexts[spiffe_id] = mtls.context(mtls.authority(self.state, name), spiffe_id)
        return self._contexts[spiffe_id]

    def trusting(self, name: str) -> ssl.SSLContext:
        """Believe the workloads of this mesh, which is called `name`, and show nothing."""
        return mtls.trusting(mtls.authority(self.state, name).pem)

    def egress(self, service: str) -> str:
        """Give the address of a service's egress, as a URL for HTTP_PROXY."""
        return f"http://{self.workload(service, 'sidecar')['egress']}"

    def stop(self) -> None:
        """Stop the mesh, if it runs."""
        down = self.pillion("down")
        assert down.returncode == 0, down.stderr


@contextmanager
def running(
    folder: Path,
    topology: str,
    files: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    how: Sequence[str] = (),
) -> Iterator[Mesh]:
    """Write `topology` to pillion.yaml in `folder`, `files` beside it, and run the mesh until the block ends.

    `how` are more words for `pillion up`. Take the topology's ports from `free_ports`. What the processes said is
    shown when the start fails. Whatever happens, nothing is left running.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (files or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    file = folder / "pillion.yaml"
    file.write_text(topology, encoding="utf-8")
    mesh = Mesh(file, "")
    try:
        up = pillion(file, "up", "--detach", *how, timeout=START_SECONDS, environ=environ)
        assert up.returncode == 0, f"{up.stdout}{up.stderr}\n{mesh.pillion('logs').stdout}"
        yield Mesh(file, mesh.status()["edge"])
    finally:
        mesh.stop()


def pillion(
    file: Path,
    *words: str,
    timeout: float = STOP_SECONDS,
    environ: Mapping[str, str] | None = None,
    given: str = "",
) -> "subprocess.CompletedProcess[str]":
    """Run `pillion WORDS… -f FILE` to its end, with `given` on its standard input."""
    return subprocess.run(
        [*command(), *words, "-f", str(file)],
        input=given,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **(environ or {})},
    )


def command() -> tuple[str, ...]:
    """Give the words that start this checkout's `pillion`."""
    return (sys.executable, "-c", "from pillion.cli import main; main()")


def free_ports(count: int) -> list[int]:
    """Find ports that are free now; no two calls get the same, nor do tests that run at the same time.

    They lie below those that sidecars are given, and those that the system gives to clients.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FIRST_PORT + (next(_turns) * _WORKERS + _WORKER) % _PORTS
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


_PORTS = 3_000
# `make test` runs identity's tests on PostgreSQL beside all others.
_FIRST_PORT = 9_000 if os.environ.get("PILLION_TEST_DATABASE", "sqlite") == "sqlite" else 12_000
# Each of pytest-xdist's workers has ports of its own; runs of different users begin at different ones.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_turns = itertools.count(os.getpid() * 131)
