"""Another issuer's site: a real server that publishes what a test wants published."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pillion.plan.model import Issuer
from tests import mesh

NAME = "sso"


@dataclass
class Site:
    """What it answers, and how often it was asked. `wait` holds each answer back until it is set."""

    port: int
    scheme: str
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: int = 0
    wait: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.wait.set()

    @property
    def url(self) -> str:
        """Where its keys are."""
        return f"{self.scheme}://127.0.0.1:{self.port}/keys"

    @property
    def issuer(self) -> Issuer:
        """Give it as a plan names it."""
        return Issuer(
            name=NAME,
            issuer="https://sso.example",
            keys=self.url,
            audience="shop-api",
            user=("sub",),
            email=None,
            roles=("roles",),
        )

    def publish(self, *keys: Mapping[str, Any]) -> None:
        """Answer with this key set from now on."""
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()

    @contextmanager
    def running(self, certificate: Path | None = None) -> Iterator[None]:
        """Serve until the block ends; the certificate's file holds its key too."""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                site.wait.wait(30)
                self.send_response(site.status)
                for name, value in site.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def new(scheme: str = "http") -> Site:
    """Make one at a port of its own."""
    [port] = mesh.free_ports(1)
    return Site(port, scheme)
