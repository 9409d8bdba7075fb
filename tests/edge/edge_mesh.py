"""A mesh of one HTTP and one gRPC service behind the edge, and what the tests ask of it."""

import os
import ssl
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import mesh
from tests.local.waiting import until
from tests.system.shop import PASSWORD, add_user

HERE = Path(__file__).parent
FILES = {name: (HERE / name).read_text(encoding="utf-8") for name in ("service.py", "talk.py")}
FRONTEND = "https://frontend.example"
MANAGER = "ada@example.com"
USER = "grace@example.com"
SESSION, TOKEN = "pillion-session", "pillion-token"
# Made once: httpx would make another for every request, which takes longer than the request.
SYSTEM = ssl.create_default_context()


def topology(edge: str = "") -> str:
    """Write the topology, at free ports; `edge` is more of the edge's keys."""
    listen, echo, talk = mesh.free_ports(3)
    return f"""
mesh: proof
edge:
  listen: 127.0.0.1:{listen}
  {edge}
services:
  echo:
    app: 127.0.0.1:{echo}
    run: python service.py
    paths: [/api, /page]
    calls: [talk]
    rules:
      - {{path: /api/open, allow: anyone}}
      - {{path: /api/reports, roles: [manager]}}
  talk:
    app: 127.0.0.1:{talk}
    run: python talk.py
    paths: [/test.Talk]
    calls: [echo]
"""


@dataclass(frozen=True)
class EdgeMesh:
    """The running mesh.

    `short` is a token for one second, made at its start; `verify` is what its certificate is checked with.
    """

    mesh: mesh.Mesh
    short: str
    verify: ssl.SSLContext = SYSTEM

    @property
    def edge(self) -> str:
        """The origin."""
        return self.mesh.edge

    @property
    def address(self) -> tuple[str, int]:
        """Where the edge listens, for sockets."""
        host, _, port = self.mesh.workload("edge", "edge")["address"].rpartition(":")
        return host, int(port)

    def sign_in(self, email: str = USER) -> dict[str, str]:
        """Sign in as a browser would; gives the cookies."""
        answer = httpx.post(
            f"{self.edge}/sign-in", json={"email": email, "password": PASSWORD}, verify=self.verify
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.cookies)

    def stale(self) -> str:
        """Give a token that was good once: expired, by more than the leeway."""
        sent = f"Bearer {self.short}"
        until(lambda: self.get("/api/open/x", authorization=sent).status_code == 401, "the token expires")
        return self.short

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> httpx.Response:
        """Ask the edge, on a connection of its own, without any cookie but those in `headers`."""
        return httpx.request(
            method, f"{self.edge}{path}", headers=headers, content=body, timeout=10, verify=self.verify
        )

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Ask the edge; `_` in a header's name stands for `-`."""
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def renewals(self) -> int:
        """Give how many renewals identity was asked for since it started."""
        socket = os.path.relpath(self.mesh.state / "run" / "identity.sock")
        with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
            return int(client.get("http://identity/-/health").json()["renewals"])

    def saw(self, mark: str) -> list[str]:
        """Give the targets of the requests that reached the service and that hold `mark`."""
        return [target for target in self.get("/api/open/seen").json() if mark in target]


def mark() -> str:
    """Make a word that no other request holds."""
    return uuid.uuid4().hex


def cookie(**cookies: str) -> str:
    """Write a Cookie header; `session` and `token` are Pillion's."""
    return "; ".join(f"{ {'session': SESSION, 'token': TOKEN}.get(n, n) }={v}" for n, v in cookies.items())


def headers(answer: httpx.Response) -> dict[str, str]:
    """Give the headers that the service got, from its answer; two of one name are joined by ` | `."""
    found: dict[str, str] = {}
    received: list[list[str]] = answer.json()["headers"]
    for name, value in received:
        found[name] = f"{found[name]} | {value}" if name in found else value
    return found


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Give the problem (RFC 9457) that an answer holds, after a look at what all of them have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert (found["status"], found["type"]) == (status, f"urn:pillion:problem:{code}")
    assert found["title"]
    assert found["detail"]
    return found


@contextmanager
def running(
    folder: Path,
    edge: str = "",
    files: Mapping[str, str] | None = None,
    verify: ssl.SSLContext = SYSTEM,
) -> Iterator[EdgeMesh]:
    """Run the mesh, with a manager and a user in it, until the block ends; `files` lie beside its topology."""
    with mesh.running(folder, topology(edge), {**FILES, **(files or {})}) as started:
        add_user(started, MANAGER, "--role", "manager")
        add_user(started, USER)
        printed = started.pillion("token", "--user", USER, "--lifetime", "1s")
        assert printed.returncode == 0, printed.stderr
        yield EdgeMesh(started, printed.stdout.strip(), verify)
