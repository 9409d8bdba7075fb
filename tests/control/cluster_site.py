"""The Kubernetes API as far as a ConfigMap goes: a real HTTPS server that answers by the API's documentation.

https://kubernetes.io/docs/reference/using-api/api-concepts/ (merge patches, resource versions, status codes).
"""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests import mesh
from tests.certificates import pair

NAMESPACE, NAME = "shop", "pillion-known"
_PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}"
_MOST_BYTES = 1024 * 1024
_VERBS = {"GET": "get", "PATCH": "patch"}


@dataclass
class Site:
    """What it holds (`data` is None where there is no such ConfigMap), and what it was asked.

    `answer` is given in place of its own to whoever is let in: a status and headers. `wait` holds answers back
    until it is set. `meanwhile` is written by somebody else just before the next patch.
    """

    port: int
    account: Path
    data: dict[str, str] | None = field(default_factory=dict)
    version: int = 1
    tokens: set[str] = field(default_factory=lambda: {"first"})
    verbs: set[str] = field(default_factory=lambda: {"get", "patch"})
    answer: tuple[int, Mapping[str, str]] | None = None
    wait: threading.Event = field(default_factory=threading.Event)
    meanwhile: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let nothing be held back at first."""
        self.wait.set()

    @property
    def environ(self) -> dict[str, str]:
        """Give the variables by which a pod finds it."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.port)}

    @property
    def known(self) -> dict[str, str]:
        """Give what control is told of it."""
        return {"namespace": NAMESPACE, "config_map": NAME, "account": str(self.account)}

    @property
    def written(self) -> int:
        """Say how often it was changed."""
        return self.asked.count(("PATCH", 200))

    def mount(self, token: str) -> None:
        """Put the pod's token where the kubelet does."""
        (self.account / "token").write_text(token, encoding="ascii")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve until the block ends."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                site.wait.wait(30)
                status, answer, headers = site._answered(self, body)
                site.asked.append((self.command, status))
                text = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PATCH = do_PUT = do_POST = do_GET  # noqa: N815 - where http.server looks for them

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.account.parent / "api.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _answered(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, Mapping[str, str]]:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _status(401)
        path, _, _ = asked.path.partition("?")
        if _VERBS.get(asked.command) not in self.verbs or path != _PATH:  # the Role names this one object
            return _status(403)
        if self.answer is not None:
            status, headers = self.answer
            return status, {"kind": "Status", "code": status}, headers
        if self.data is None:
            return _status(404)
        if asked.command == "PATCH":
            return self._patched(asked.headers.get("content-type", ""), json.loads(body))
        return 200, self._object(), {}

    def _patched(self, media: str, patch: Any) -> tuple[int, Any, Mapping[str, str]]:
        if media != "application/merge-patch+json":
            return _status(415)
        assert self.data is not None
        if self.meanwhile:
            self.data, self.meanwhile, self.version = self.data | self.meanwhile, {}, self.version + 1
        expected = patch.get("metadata", {}).get("resourceVersion", str(self.version))
        if expected != str(self.version):
            return _status(409)
        merged = {**self.data, **patch["data"]}
        data = {key: value for key, value in merged.items() if value is not None}
        if sum(len(value.encode()) for value in data.values()) > _MOST_BYTES:
            return _status(422)
        if data != self.data:
            self.data, self.version = data, self.version + 1
        return 200, self._object(), {}

    def _object(self) -> dict[str, Any]:
        metadata = {"name": NAME, "namespace": NAMESPACE, "resourceVersion": str(self.version)}
        whole = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}
        return {**whole, "data": self.data} if self.data else whole


def _status(code: int) -> tuple[int, Any, Mapping[str, str]]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}, {}


def new(folder: Path) -> Site:
    """Make one at a port of its own, with a pod's ServiceAccount below `folder`."""
    account, made = folder / "account", pair()
    account.mkdir()
    (folder / "api.pem").write_text(made.key + made.certificate, encoding="ascii")
    (account / "ca.crt").write_text(made.certificate, encoding="ascii")
    [port] = mesh.free_ports(1)
    site = Site(port, account)
    site.mount("first")
    return site
