"""Programs registered by the command line, and what becomes of their tokens at the Envoys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from tests.edge.edge_mesh import EdgeMesh
from tests.local.waiting import until

HERE = Path(__file__).parent


def add(mesh: EdgeMesh, name: str, *words: str) -> dict[str, Any]:
    """Register a client; gives what the command printed."""
    done = mesh.mesh.pillion("client", "add", name, "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def cookies(mesh: EdgeMesh) -> str:
    """Sign in; gives the header that a browser sends from then on."""
    return "; ".join(f"{name}={value}" for name, value in mesh.sign_in().items())


def at_every_envoy(mesh: EdgeMesh, token: str) -> set[int]:
    """Give how the edge and the sidecar answer to a token."""
    sent = {"authorization": f"Bearer {token}"}
    places = (mesh.edge, mesh.mesh.sidecar("echo"))
    as_edge = mesh.mesh.identified("spiffe://proof/edge")
    answers = (httpx.get(f"{at}/api/x", headers=sent, timeout=10, verify=as_edge) for at in places)
    return {answer.status_code for answer in answers}


def until_refused(mesh: EdgeMesh, token: str) -> None:
    """Wait until no Envoy takes it any more."""
    until(lambda: at_every_envoy(mesh, token) == {401}, "every Envoy refuses the token")


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Run a program's HTTP server; gives its origin, and the paths and bodies of what it is asked."""
    heard: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, body: str) -> None:
            heard.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>the program</title>You are back.")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
