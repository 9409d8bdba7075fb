"""The shop in a cluster: rendered, put through Kustomize and applied, as its platform team would do it."""

import base64
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from pillion.topology import Topology, load
from tests import certificates, mesh, mtls, postgres
from tests.cluster import client, network
from tests.cluster.client import NAMESPACE, Cluster
from tests.kubernetes.rendered import documents
from tests.local.waiting import until
from tests.postgres import Postgres
from tests.wire import Mutual

EXAMPLE: Final = Path(__file__).with_name("example")
MANAGER: Final = "ada@example.com"
BUYER: Final = "grace@example.com"
PASSWORD: Final = "a long enough passphrase"


@dataclass(frozen=True)
class Shop:
    """The running shop; `folder` holds its topology and what is rendered of it."""

    cluster: Cluster
    database: Postgres
    folder: Path
    edge_tls: certificates.Pair

    @property
    def origin(self) -> str:
        """What a browser sees."""
        return f"https://localhost:{self.cluster.port}"

    @property
    def topology(self) -> Path:
        """The file that all is made of."""
        return self.folder / "pillion.yaml"

    def loaded(self) -> Topology:
        """Read the topology."""
        return load(self.topology, self._environ)

    @property
    def _environ(self) -> dict[str, str]:
        return {"ORIGIN": self.origin}

    @property
    def trust(self) -> ssl.SSLContext:
        """Believe the edge's certificate."""
        return mtls.trusting(self.edge_tls.certificate)

    @property
    def edge(self) -> Mutual:
        """Where the load balancer takes connections."""
        return Mutual("localhost", self.cluster.port, self.trust)

    @contextmanager
    def client(self, **headers: str) -> Iterator[httpx.Client]:
        """Give a client as a browser would be one."""
        with httpx.Client(
            base_url=self.origin, verify=self.trust, headers={"origin": self.origin, **headers}
        ) as made:
            yield made

    @contextmanager
    def signed_in(self, email: str) -> Iterator[httpx.Client]:
        """Give a client that has signed in."""
        with self.client() as made:
            answer = made.post("/sign-in", json={"email": email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield made

    def pod(self, workload: str) -> str:
        """Name a pod of a workload that is there to stay."""
        return str(self.cluster.pods(workload)[0]["name"])

    def identity(self, *words: str, given: str = "") -> str:
        """Run `pillion` where identity runs, as `kubectl exec` would."""
        return self.cluster.execute(self.pod("identity"), "identity", "pillion", *words, given=given)

    def render(self) -> list[dict[str, Any]]:
        """Render the topology, and build the overlay over it; gives what kubectl would apply."""
        self._pillion("render", "kubernetes", "-o", str(self.folder), "-f", str(self.topology))
        overlay = self.folder / "overlays" / "cluster"
        shutil.copytree(EXAMPLE / "overlay", overlay, dirs_exist_ok=True)
        secrets = "".join(f"{name}={value}\n" for name, value in self._secrets().items())
        (self.folder / "overlays" / "example" / "secrets.env").write_text(secrets, encoding="utf-8")
        return documents(_run("kubectl", "kustomize", str(overlay)))

    def apply(self) -> dict[str, str]:
        """Render and apply; says what became of each object."""
        return self.cluster.apply([*self.render(), self._edge_tls()])

    def edit(self, before: str, after: str) -> dict[str, str]:
        """Change the topology, render and apply; says what became of each object that is not as it was."""
        text = self.topology.read_text(encoding="utf-8")
        assert text.count(before) == 1
        self.topology.write_text(text.replace(before, after), encoding="utf-8")
        return {name: said for name, said in self.apply().items() if said != "unchanged"}

    def roll_out(self, *workloads: str) -> None:
        """Replace all pods of workloads, as `kubectl rollout restart` does, and wait until old ones are gone."""
        for workload in workloads:
            deployment = self.cluster.get("Deployment", workload)
            assert deployment is not None
            metadata = deployment["spec"]["template"]["metadata"]
            metadata.setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = str(time.time())
            self.cluster.apply([deployment])
        self.cluster.settle()
        until(lambda: not any(pod["terminating"] for pod in self.cluster.pods()), "old pods are gone", 60)

    def scale(self, workload: str, replicas: int) -> None:
        """Have another number of pods of a workload, and wait until it is so."""
        deployment = self.cluster.get("Deployment", workload)
        assert deployment is not None
        deployment["spec"]["replicas"] = replicas
        self.cluster.apply([deployment])
        self.cluster.settle()
        until(lambda: not any(pod["terminating"] for pod in self.cluster.pods()), "old pods are gone", 60)

    def _secrets(self) -> dict[str, str]:
        port = f":{self.database.port}"
        url = self.database.url.replace(f"127.0.0.1{port}", f"{network.OUTSIDE}:5432")
        return {"DATABASE_URL": url, "PILLION_MASTER_KEY": _MASTER_KEY}

    def _edge_tls(self) -> dict[str, Any]:
        """Bring the edge's certificate, which is none of Pillion's business."""
        files = {"tls.crt": self.edge_tls.certificate, "tls.key": self.edge_tls.key}
        return {
            "kind": "Secret",
            "metadata": {"name": "pillion-edge-tls", "namespace": NAMESPACE},
            "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
        }

    def _pillion(self, *words: str) -> str:
        return _run(*mesh.command(), *words, environ=self._environ)


_MASTER_KEY: Final = base64.b64encode(os.urandom(32)).decode()


@contextmanager
def running(folder: Path) -> Iterator[Shop]:
    """Run the shop in a cluster of its own until the block ends; a manager and a buyer have accounts in it."""
    with postgres.running() as database, client.running(str(_socket(database))) as cluster:
        shop = Shop(cluster, database, folder, certificates.pair())
        shutil.copy(EXAMPLE / "pillion.yaml", shop.topology)
        for name, text in (("tls.crt", shop.edge_tls.certificate), ("tls.key", shop.edge_tls.key)):
            (folder / name).write_text(text, encoding="utf-8")
        shop.apply()
        cluster.settle()
        until(lambda: _every_edge_finds_all(shop), "every edge has looked up identity and the services")
        shop.identity("user", "add", MANAGER, "--password-stdin", "--role", "manager", given=PASSWORD)
        shop.identity("user", "add", BUYER, "--password-stdin", given=PASSWORD)
        yield shop


def _every_edge_finds_all(shop: Shop) -> bool:
    """Ask each edge, to which connections go in turn, for a page of identity's and of each open service's."""
    for path in ("/sign-in", "/", "/api/catalog", "/api/orders/health"):
        for _ in range(4):
            try:
                with shop.client() as fresh:
                    if fresh.get(path).status_code != 200:
                        return False
            except httpx.TransportError:  # the load balancer has nobody for a moment
                return False
    return True


def _socket(database: Postgres) -> Path:
    return database.folder / f".s.PGSQL.{database.port}"


def _run(*words: str, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environ or {})},
        cwd=EXAMPLE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
