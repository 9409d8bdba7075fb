"""A mesh of one service whose topology a test edits while it runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import mesh, wire
from tests.cli.echo_mesh import ECHO
from tests.control import faulty
from tests.control.faulty import EMAIL, PASSWORD, Faulty
from tests.local.waiting import until
from tests.wire import Address

# A service of HTTP/1.1 that lets its connections live: one that is dropped would show.
LASTING = ECHO.replace(
    "class Handler(http.server.BaseHTTPRequestHandler):",
    "class Handler(http.server.BaseHTTPRequestHandler):\n    protocol_version = 'HTTP/1.1'\n    wbufsize = 65536",
)
START = """mesh: test
edge: {{listen: 127.0.0.1:{edge}}}
services:
  echo:
    app: 127.0.0.1:{app}
    run: python echo.py
    paths: [/x]
"""


class Edited(Faulty):
    """The mesh while it runs."""

    @property
    def file(self) -> Path:
        """The topology's file."""
        return self.mesh.file

    @property
    def text(self) -> str:
        """What it says."""
        return self.file.read_text(encoding="utf-8")

    def write(self, text: str) -> None:
        """Replace the file as most editors do: a new one is renamed onto it."""
        new = self.file.with_name("pillion.yaml~")
        new.write_text(text, encoding="utf-8")
        new.replace(self.file)

    def last(self) -> dict[str, Any]:
        """Say what became of the last edit; empty if there was none."""
        return self.mesh.status()["edit"] or {}

    def edit(self, text: str) -> dict[str, Any]:
        """Write the file, and wait until `up` has said what became of it."""
        before = self.last()
        self.write(text)
        until(lambda: self.last() != before, "the edit is taken up or refused")
        return self.last()

    def change(self, *changes: tuple[str, str]) -> str:
        """Replace some of the text, wait until that is taken up, and give what was said."""
        text = self.text
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        edit = self.edit(text)
        assert edit["taken_up"], edit["said"]
        return " ".join(edit["said"])

    def pids(self) -> dict[str, int]:
        """Name every workload's process."""
        return {f"{w['name']} {w['kind']}": w["pid"] for w in self.mesh.status()["workloads"]}

    def log(self) -> str:
        """Give what `up` said."""
        return (self.mesh.state / "logs" / "up.log").read_text(encoding="utf-8")

    def ask(self, path: str, *headers: str, address: Address | None = None) -> wire.Answer:
        """Ask the edge, or whom else."""
        return wire.ask(address or self.edge, f"GET {path} HTTP/1.1", "host: x", *headers)

    def served(self, path: str, token: str) -> dict[str, Any]:
        """Ask as the bearer of a token, who must be served; gives what the service says of itself."""
        answer = self.ask(path, f"authorization: Bearer {token}")
        assert answer.status == 200, answer
        told: dict[str, Any] = json.loads(answer.body)
        return told


@contextmanager
def running(folder: Path) -> Iterator[Edited]:
    """Run the mesh, with a user, until the block ends."""
    edge, app = mesh.free_ports(2)
    with mesh.running(folder, START.format(edge=edge, app=app), {"echo.py": LASTING}) as started:
        added = started.pillion("user", "add", EMAIL, "--password-stdin", given=PASSWORD)
        assert added.returncode == 0, added.stderr
        yield Edited(started)


def service(name: str, more: str = "") -> str:
    """Write a service of the topology, at a free port."""
    [port] = mesh.free_ports(1)
    return f"  {name}:\n    app: 127.0.0.1:{port}\n    run: python echo.py\n    paths: [/{name}]\n{more}"


__all__ = ["EMAIL", "PASSWORD", "Edited", "faulty", "running", "service"]
