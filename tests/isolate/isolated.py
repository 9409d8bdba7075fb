"""A mesh of two isolated services: `front`, which somebody has taken over, and `stock`, which it may call."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests import mesh

TAKEN_OVER = (Path(__file__).parent / "taken_over.py").read_text(encoding="utf-8")


def topology(edge: int, front: int, stock: int) -> str:
    """Write the topology."""
    return f"""mesh: test
edge: {{listen: 127.0.0.1:{edge}}}
services:
  front:
    app: 127.0.0.1:{front}
    run: python taken_over.py
    paths: [/front]
    calls: [stock]
    rules: [{{path: /front, allow: anyone}}]
  stock:
    app: 127.0.0.1:{stock}
    run: python taken_over.py
    rules: [{{path: /, allow: anyone}}]
"""


@dataclass(frozen=True)
class Isolated:
    """The mesh while it runs; `front` and `stock` are the services' own ports."""

    mesh: mesh.Mesh
    front: int
    stock: int

    @property
    def port(self) -> int:
        """Where the edge listens."""
        return int(self.mesh.edge.rpartition(":")[2])

    def inside(self, script: str) -> str:
        """Have the service `front` run a script of bash; gives what that printed, and `exit N`."""
        answer = httpx.post(f"{self.mesh.edge}/front", content=script, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.text

    def pid(self, name: str, kind: str = "service") -> int:
        """Give the pid of a service, or of its sidecar."""
        return int(self.mesh.workload(name, kind)["pid"])

    def socket(self, name: str) -> Path:
        """Give where a sidecar listens."""
        written: str = self.mesh.workload(name, "sidecar")["address"]
        return self.mesh.state / written.removeprefix("unix:")

    def beside(self, name: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a program in the network of a service, with all rights there, and nothing hidden."""
        enter = ("nsenter", "-t", str(self.pid(name, "sidecar")), "-U", "-n", "--preserve-credentials")
        return here(*enter, *words)


@contextmanager
def running(folder: Path) -> Iterator[Isolated]:
    """Run the mesh until the block ends."""
    edge, front, stock = mesh.free_ports(3)
    files = {"taken_over.py": TAKEN_OVER}
    with mesh.running(folder, topology(edge, front, stock), files, how=["--isolate"]) as started:
        yield Isolated(started, front, stock)


def here(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program where the edge is."""
    return subprocess.run(words, capture_output=True, text=True, check=False)


def namespace(pid: int, kind: str) -> str:
    """Name a namespace of a process."""
    return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
