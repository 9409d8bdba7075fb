"""A server that reads requests as leniently as any ever did: any line end, HTTP/2, and TLS for anybody."""

import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

_TLS = 0x16
_PREFACE = b"PRI * HTTP/2.0"


@dataclass(frozen=True)
class Request:
    """What was read; headers' names are in lower case, with dashes for whatever else stood there."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    raw: str = ""

    def header(self, name: str) -> str:
        """Give the last header of that name, or an empty text."""
        return next((value for found, value in reversed(self.headers) if found == name), "")


@dataclass(frozen=True)
class Response:
    """What is answered; a header's value may hold line ends."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def written(self) -> bytes:
        """Write it as HTTP/1.1, byte for byte."""
        lines = [f"HTTP/1.1 {self.status} x", f"Content-Length: {len(self.body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join((*lines, "", "")).encode("latin-1") + self.body


Handler = Callable[[Request], Response]


@contextmanager
def serving(handler: Handler, certificate: Path | None = None, at: Path | None = None) -> Iterator[int]:
    """Serve at a port of loopback, which is given, or at a Unix socket, until the block ends."""

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(5)
            with suppress(OSError):
                first = connection.recv(1, socket.MSG_PEEK)
                if first and first[0] == _TLS and certificate is not None:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate)
                    with context.wrap_socket(connection, server_side=True) as secure:
                        _answer(secure, handler)
                else:
                    _answer(connection, handler)

    kind = socketserver.ThreadingUnixStreamServer if at else socketserver.ThreadingTCPServer
    address: Any = str(at) if at else ("127.0.0.1", 0)
    server = kind(address, Connection)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield 0 if at else server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(connection: socket.socket, handler: Handler) -> None:
    data = connection.recv(65536)
    if data.startswith(_PREFACE):
        _answer_http2(connection, data, handler)
        return
    while not (end := re.search(rb"\r?\n\r?\n", data)):
        more = connection.recv(65536)
        if not more:
            return
        data += more
    request = parsed(data[: end.start()].decode("latin-1"))
    body = data[end.end() :]
    wanted = re.sub(r"\D", "", request.header("content-length")) or "0"
    while len(body) < int(wanted):
        body += connection.recv(65536)
    answer = handler(Request(request.method, request.path, request.headers, body, request.raw))
    connection.sendall(answer.written())


def parsed(head: str) -> Request:
    """Read a head: a line ends at CR or LF, a folded line is one of its own, and no name is refused."""
    first, *rest = re.split(r"\r\n|\n|\r", head)
    method, _, path = first.partition(" ")
    headers: list[tuple[str, str]] = []
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}".strip())
            continue
        headers.append((re.sub(r"[^a-z0-9$]", "-", name.strip().lower()), value.strip()))
    return Request(method, path.rpartition(" HTTP/")[0] or path, tuple(headers), raw=head)


def _answer_http2(connection: socket.socket, data: bytes, handler: Handler) -> None:
    http2 = H2Connection(
        H2Configuration(client_side=False, header_encoding="latin-1", validate_inbound_headers=False)
    )
    http2.initiate_connection()
    headers: dict[str, str] = {}
    while data:
        for event in http2.receive_data(data):
            if isinstance(event, RequestReceived):
                headers = {str(name): str(value) for name, value in event.headers or ()}
            grpc = headers.get("content-type") == "application/grpc" and isinstance(event, RequestReceived)
            if grpc or isinstance(event, StreamEnded):
                answer = handler(Request(headers[":method"], headers[":path"], tuple(headers.items())))
                kind = "application/grpc" if grpc else "application/json"
                http2.send_headers(1, [(":status", str(answer.status)), ("content-type", kind)])
                http2.send_data(1, answer.body, end_stream=not grpc)
        connection.sendall(http2.data_to_send())
        data = connection.recv(65536)
