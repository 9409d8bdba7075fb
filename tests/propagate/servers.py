"""Real servers for tests: whoever is called, and what a service runs in."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn

from tests.local.waiting import until

CARRIED = ("authorization", "traceparent", "tracestate", "x-request-id")


class Everybody(BaseHTTPRequestHandler):
    """A forward proxy that answers for every host itself, with what it received; `?to=URL` is sent on there."""

    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def do_GET(self) -> None:
        """Answer."""
        to = parse_qs(urlsplit(self.path).query).get("to")
        told = {name: self.headers[name] for name in CARRIED if name in self.headers}
        body = json.dumps({"host": self.headers["host"], **told}).encode()
        self.send_response(307 if to else 200)
        if to:
            self.send_header("location", to[0])
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


class _Many(ThreadingHTTPServer):
    request_queue_size = 512


@contextmanager
def everybody() -> Iterator[str]:
    """Run it; gives its URL, for HTTP_PROXY."""
    server = _Many(("127.0.0.1", 0), Everybody)
    with _serving(server.serve_forever, server.shutdown):
        yield f"http://127.0.0.1:{server.server_port}"
    server.server_close()


@contextmanager
def asgi_server(app: Any) -> Iterator[str]:
    """Serve an ASGI application by uvicorn; gives its URL."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "uvicorn listens")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 512


@contextmanager
def wsgi_server(app: Any) -> Iterator[str]:
    """Serve a WSGI application, a thread for each connection; gives its URL."""
    server = make_server("127.0.0.1", 0, app, server_class=_Threads, handler_class=_Quiet)
    with _serving(server.serve_forever, server.shutdown):
        yield f"http://127.0.0.1:{server.server_port}"
    server.server_close()


@contextmanager
def _serving(serve: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join()
