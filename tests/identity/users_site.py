"""A users service for tests, over real sockets; what it answers is the test's business."""

import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from pillion.identity.config import Users
from tests.certificates import Pair
from tests.identity.browser import PASSWORD, Answer, new_email
from tests.identity.conftest import CONFIG

SECRET = "a secret of more than thirty-two characters"


@dataclass
class Asked:
    """One question."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def signed(self) -> bool:
        """Whether the signature is right, and of now."""
        parts = dict(part.split("=") for part in self.headers["pillion-signature"].split(","))
        right = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, parts["v1"]) and abs(time.time() - int(parts["t"])) < 60


@dataclass
class Site:
    """Answers with `status` and `content`; with `people` by address as the contract says."""

    url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int | None = None
    content: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    wait: Callable[[], None] = lambda: None
    drip: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    peers: list[Any] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        """Say what to answer."""
        if self.status is not None:
            return self.status, self.content
        given = json.loads(asked.body)
        person = dict(self.people.get(given["email"], {}))
        if person.pop("password", None) != given["password"]:
            return 401, b"{}"
        return 200, json.dumps({"email": given["email"], "email_verified": True} | person).encode()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = Asked(self.path, {n.lower(): v for n, v in self.headers.items()}, body)
            site.asked.append(asked)
            if isinstance(self.connection, ssl.SSLSocket):
                site.peers.append(self.connection.getpeercert())
            site.wait()
            status, content = site.answer(asked)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | site.headers).items():
                self.send_header(name, value)
            self.end_headers()
            for byte in content if site.drip else b"":
                time.sleep(site.drip)
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            if not site.drip:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that go away are part of the tests."""


@contextmanager
def serving(
    site: Site, folder: Path | None = None, pair: Pair | None = None, *, clients: Pair | None = None
) -> Iterator[Site]:
    """Serve until the block ends; with `pair` over TLS, with `clients` to those alone."""
    server = _Quiet(("127.0.0.1", 0), _handler(site))
    if pair is not None and folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*written(folder, "server", pair))
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=clients.certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    site.url = f"{'https' if pair else 'http'}://localhost:{server.server_port}/check"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def written(folder: Path, name: str, pair: Pair) -> tuple[Path, Path]:
    """Write a certificate and its key; gives where."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_text(pair.certificate)
    key.write_text(pair.key)
    return certificate, key


def asking(site: Site, **more: Any) -> AbstractContextManager[Any]:
    """Have identity ask that service."""
    users = Users(**{"url": site.url, "secret": SECRET} | more)
    # With a mailbox: also where mail could be sent, none is.
    told = {"users": users, "sign_up": "closed", "mailbox_key": "k" * 32}
    return override_settings(PILLION=CONFIG.model_copy(update=told))


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve for a test, and have identity ask it."""
    with serving(Site()) as site, asking(site):
        yield site


def hire(site: Site, sub: str | None, typed: str = "", **more: Any) -> str:
    """Have the service know somebody; gives their address."""
    typed = typed or new_email()
    site.people[typed] = {"password": PASSWORD, "roles": [], **({"sub": sub} if sub else {}), **more}
    return typed


def new_sub() -> str:
    """Give an id that nobody has there."""
    return f"sub of {new_email()}"


def who(answer: Answer) -> str:
    """Say who was signed in."""
    assert answer.status == 200, answer.body
    return str(answer.json()["user"]["sub"])
