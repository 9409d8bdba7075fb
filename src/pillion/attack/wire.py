"""HTTP/1.1 to a door of the mesh, byte for byte as it is written here, where a client would put it right."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

from pillion.attack.target import Door


@dataclass(frozen=True)
class Answer:
    """An answer; its status is None if the connection was closed without one. Headers' names are in lower case."""

    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Give a header's value, or an empty text."""
        return next((value for found, value in self.headers if found == name), "")

    def cookies(self) -> dict[str, str]:
        """Give the cookies that it sets, each with its attributes."""
        written = (value for name, value in self.headers if name == "set-cookie")
        return {one.partition("=")[0]: one.partition("=")[2] for one in written}

    def json(self) -> dict[str, Any]:
        """Give the body's JSON object, or an empty one."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        if self.status is None:
            return "closed the connection"
        told = self.json()
        code = str(told.get("type", "")).rpartition(":")[2] if "type" in told else told.get("error", "")
        return f"{self.status} {code}".strip()


@contextmanager
def connected(door: Door, *, http2: bool = False) -> Iterator[socket.socket]:
    """Connect to a door, with TLS where it speaks that. Only doors are ever connected to."""
    tls = door.tls2 if http2 else door.tls
    if door.path:
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(door.patience)
        plain.connect(door.path)
    else:
        plain = _by_tcp(door)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with plain:
        if tls is None:
            yield plain
        else:
            with tls.wrap_socket(plain, server_hostname=door.authority.partition(":")[0]) as secure:
                yield secure


def _by_tcp(door: Door) -> socket.socket:
    if door.network is None:
        source = (door.source, 0) if door.source else None
        return socket.create_connection((door.host, door.port), door.patience, source)
    plain = door.network()
    try:
        plain.settimeout(door.patience)
        if door.source:
            plain.bind((door.source, 0))
        plain.connect((door.host, door.port))
    except BaseException:
        plain.close()
        raise
    return plain


def head(*lines: str) -> bytes:
    """Write the head of a request, by its lines."""
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def request(door: Door, method: str, path: str, *fields: str, body: bytes = b"") -> Answer:
    """Make one request with these header lines; `Host` and `Content-Length` are added where nobody wrote them."""
    return ask(door, f"{method} {path} HTTP/1.1", *fields, body=body)


def ask(door: Door, line: str, *fields: str, body: bytes = b"") -> Answer:
    """Make a request by its first line, as `request` does."""
    names = {field.partition(":")[0].strip().lower() for field in fields}
    added = [] if "host" in names else [f"Host: {door.authority}"]
    method = line.partition(" ")[0]
    if (body or method not in {"GET", "HEAD"}) and not names & {"content-length", "transfer-encoding"}:
        added.append(f"Content-Length: {len(body)}")
    return exchange(door, head(line, *added, *fields) + body, (method,))[0]


def post(door: Door, path: str, form: dict[str, str], *fields: str) -> Answer:
    """Post an object as JSON."""
    return request(
        door, "POST", path, "Content-Type: application/json", *fields, body=json.dumps(form).encode()
    )


def exchange(door: Door, data: bytes, methods: tuple[str, ...]) -> list[Answer]:
    """Send the bytes, and read an answer to each method, or until the other side closes: one at least is given.

    Raises TimeoutError when the other side neither answers nor closes at all.
    """
    found: list[Answer] = []
    with connected(door) as connection:
        try:
            connection.sendall(data)
            stream = _Kept(connection.makefile("rb").detach())
            for method in methods:
                found.append(_read(stream, method))
                if found[-1].header("connection").lower() == "close":
                    break  # whether it has closed by now or not
        except TimeoutError:
            if not found:
                raise
        except (ConnectionError, ssl.SSLEOFError, http.client.HTTPException):
            pass  # closed before it had read, or said, everything: what it said before counts
    return found or [Answer(None)]


class _Kept(BufferedReader):
    """A stream that stays open from one answer to the next."""

    def makefile(self, _mode: str) -> "BufferedReader":
        """Be what http.client reads from."""
        return self

    def close(self) -> None:
        """Stay open."""


def _read(stream: _Kept, method: str) -> Answer:
    answer = http.client.HTTPResponse(stream, method=method)  # type: ignore[arg-type]
    answer.begin()
    headers = tuple((name.lower(), value) for name, value in answer.getheaders())
    return Answer(answer.status, headers, answer.read())
