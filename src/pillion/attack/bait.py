"""A listener of the attacker's own: what a token's header may point to, and where a client is told things."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Bait:
    """`url` is where it listens; `asked` are the paths that were fetched, `told` the forms that were posted."""

    url: str = ""
    served: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    told: list[dict[str, str]] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)

    def serve(self, path: str, document: dict[str, Any] | bytes) -> str:
        """Serve a document at `path`; gives its URL."""
        self.served[path] = document if isinstance(document, bytes) else json.dumps(document).encode()
        return f"{self.url}{path}"


@contextmanager
def listening(*sockets: socket.socket) -> Iterator[Bait]:
    """Listen on loopback until the block ends: of this machine, or by sockets that are all bound to one port."""
    bait = Bait()
    with ExitStack() as stack:
        for one in sockets or [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]:
            bait.url = f"http://127.0.0.1:{one.getsockname()[1]}"
            stack.enter_context(_serving(bait, one))
        yield bait


@contextmanager
def _serving(bait: Bait, listener: socket.socket) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bait.asked.append(self.path)
            found = bait.served.get(self.path, b"")
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            self.wfile.write(found)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("latin-1")
            bait.told.append({name: values[0] for name, values in parse_qs(body).items()})
            bait.heard.set()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(listener.getsockname(), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_activate()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
