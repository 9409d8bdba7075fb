"""How tests give orders to a cluster that runs."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import mesh
from tests.cluster import sockets
from tests.local.waiting import until

NAMESPACE = "shop"
READY_SECONDS = 150.0


@dataclass(frozen=True)
class Cluster:
    """A running cluster; at `port` of this machine is its load balancer."""

    folder: Path
    port: int

    def order(self, what: str, **more: Any) -> Any:
        """Give an order, and wait for what comes of it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "orders.sock"))
            connection.sendall(json.dumps({"do": what, **more}).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        assert "failed" not in answer, answer["failed"]
        return answer["answer"]

    def apply(self, documents: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Apply documents; says what became of each."""
        said: dict[str, str] = self.order("apply", documents=[*documents], namespace=NAMESPACE)
        return said

    def pods(self, owner: str = "") -> list[dict[str, Any]]:
        """Give the pods, or those of one Deployment, such as `edge`, that are not on their way out."""
        found = self.order("pods")
        return [
            one
            for one in found
            if not owner or (one["owner"].endswith(f"/{owner}") and not one["terminating"])
        ]

    def settle(self) -> None:
        """Wait until every Deployment is as it is to be."""
        try:
            until(lambda: bool(self.order("settled")), "all pods are ready", READY_SECONDS)
        except BaseException as error:
            error.add_note(self.told())
            raise

    def execute(self, pod: str, container: str, *words: str, given: str = "") -> str:
        """Run a command in a container; gives what it said."""
        code, said = self.order("execute", pod=pod, container=container, words=words, given=given)
        assert code == 0, said
        return str(said)

    def knock(self, pod: str, addresses: Sequence[str], seconds: float = 1.0) -> dict[str, str]:
        """Try connections from a pod: `open`, `refused` or `shut`."""
        found = self.order("knock", pod=pod, seconds=seconds, addresses=[*addresses])
        return dict(zip(addresses, found, strict=True))

    def socket_in(self, pod: str = "") -> socket.socket:
        """Give a TCP socket of a pod's network, or of the node's."""
        return sockets.ask(self.folder / "sockets.sock", pod)

    def kill(self, pod: str, *containers: str) -> None:
        """Kill a pod's containers, or some of them."""
        found = next(one for one in self.pods() if one["name"] == pod)
        for name in containers or found["containers"]:
            self.order("signal", pod=pod, container=name, number=9)

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Give an object."""
        found: dict[str, Any] | None = self.order("get", kind=kind, namespace=NAMESPACE, name=name)
        return found

    def told(self) -> str:
        """Say how every pod is, and what those that are not ready have said."""
        lines = []
        for pod in self.pods():
            lines.append(f"{pod['name']}: {pod['phase']}, ready: {pod['ready']} {pod['waits_for']}")
            for name, container in pod["containers"].items():
                if not container["ready"]:
                    said = self.order("logs", pod=pod["name"], container=name)
                    lines.append(f"  {name}: {container}\n{said[-1500:]}")
        lines += [f"{owner}: {why}" for owner, why in self.order("refused").items()]
        return "\n".join([*lines, (self.folder / "node.log").read_text()[-3000:]])


def missing() -> str | None:
    """Say what keeps a cluster from running here."""
    tried = subprocess.run(
        [
            *_apart(),
            "sh",
            "-c",
            "ip link add one type veth peer name two && nft list ruleset && nsenter --version",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no cluster of namespaces can run here: {tried.stderr.strip()}"


@contextmanager
def running(database: str = "") -> Iterator[Cluster]:
    """Run a cluster until the block ends; `database` is the Unix socket of a PostgreSQL."""
    if (why := missing()) is not None:
        if os.environ.get("PILLION_TEST_CLUSTER") == "required":
            pytest.fail(why)
        pytest.skip(why)
    [port] = mesh.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="pillion-k8s-") as made, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        folder = Path(made)
        folder.chmod(0o711)
        (folder / "pods").mkdir()
        words = [sys.executable, "-m", "tests.cluster.node", made, str(listener.fileno()), database]
        with (
            (folder / "node.log").open("w") as log,
            subprocess.Popen(
                [*_apart(), *words],
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=Path(__file__).parents[2],
                text=True,
            ) as node,
        ):
            assert node.stdout is not None
            assert node.stdin is not None
            assert node.stdout.readline() == "ready\n", (folder / "node.log").read_text()
            try:
                yield Cluster(folder, port)
            finally:
                node.stdin.close()
                node.wait(timeout=60)


def _apart() -> list[str]:
    return ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
