"""Bytes to the edge or a sidecar just as they are written here, where an HTTP client would put them right."""

import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader
from typing import NamedTuple

PATIENCE_SECONDS = 10.0


class Mutual(NamedTuple):
    """An address at which TLS is spoken, to which `context` shows a certificate."""

    host: str
    port: int
    context: ssl.SSLContext


Address = tuple[str, int] | Mutual


@dataclass(frozen=True)
class Answer:
    """An answer off the wire: its status, its headers (names in lower case) and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def lines(*written: str) -> bytes:
    """Write the head of a request, by its lines."""
    return "\r\n".join((*written, "", "")).encode("latin-1")


def connect(address: Address) -> socket.socket:
    """Connect, and shake hands where TLS is spoken."""
    connection = socket.create_connection(address[:2], timeout=PATIENCE_SECONDS)
    if not isinstance(address, Mutual):
        return connection
    try:
        return address.context.wrap_socket(connection)
    except BaseException:
        connection.close()
        raise


def ask(address: Address, *written: str, body: bytes = b"") -> Answer:
    """Send a request by its lines, and read its answer; to HEAD there is one without a body."""
    found = exchange(address, lines(*written) + body, bodies=(not written[0].startswith("HEAD "),))
    assert found, "the connection was closed without an answer"
    return found[0]


def answer_on(connection: socket.socket, request: bytes) -> Answer:
    """Send a request on a connection that is open, and stays so; the answer says the length of its body."""
    connection.sendall(request)
    with connection.makefile("rb") as stream:
        [answer] = _read(stream, has_body=True)
    return answer


def ask_on(addresses: Iterable[tuple[Address, bytes, bool]]) -> Iterator[Answer]:
    """Send requests one after the other, each when the one before is answered, on as few connections as can be.

    Of each stands here where it goes, its head, and whether its answer has a body.
    """
    with ExitStack() as stack:
        opened: dict[Address, socket.socket] = {}
        streams: dict[Address, BufferedReader] = {}
        for address, request, has_body in addresses:
            if address not in opened:
                opened[address] = stack.enter_context(connect(address))
                streams[address] = stack.enter_context(opened[address].makefile("rb"))
            opened[address].sendall(request)
            [answer] = _read(streams[address], has_body=has_body)
            if answer.headers.get("connection") == "close":
                del opened[address]
            yield answer


def exchange(address: Address, request: bytes, bodies: tuple[bool, ...] = (True,)) -> list[Answer]:
    """Send the bytes, and read as many answers as `bodies` says, or until the other side closes.

    `bodies` says of each whether it has a body, in the length that it announces. Raises TimeoutError when the
    other side neither answers nor closes.
    """
    found: list[Answer] = []
    with connect(address) as connection:
        try:
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                for has_body in bodies:
                    found += _read(stream, has_body=has_body)
        except ConnectionError:
            pass  # closed before it had read everything: what it said before counts
    return found


def _read(stream: BufferedReader, *, has_body: bool) -> list[Answer]:
    status = stream.readline().decode("latin-1")
    if not status:
        return []
    headers: dict[str, str] = {}
    while field := stream.readline().decode("latin-1").strip():
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0))) if has_body else b""
    return [Answer(int(status.split(" ")[1]), headers, body)]
