"""HTTP/2 to the edge with headers just as they are written here, the forbidden ones too."""

import socket
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded, StreamReset

from tests.wire import PATIENCE_SECONDS

_AS_WRITTEN = H2Configuration(
    client_side=True,
    header_encoding="latin-1",
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


@dataclass
class Answer:
    """An answer; its status is None when the stream or the connection was reset instead."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def ask(
    address: tuple[str, int],
    *headers: tuple[str, str],
    body: bytes = b"",
    method: str = "GET",
    path: str = "/",
) -> Answer:
    """Send one request; a pseudo-header in `headers` takes the place of the usual one."""
    usual = {":method": method, ":scheme": "http", ":authority": "edge", ":path": path}
    given = dict(headers)
    pseudo = [(name, given.get(name, value)) for name, value in usual.items()]
    more = [(name, value) for name, value in headers if name not in usual]
    connection, answer = H2Connection(_AS_WRITTEN), Answer()
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as plain:
        connection.initiate_connection()
        # A pseudo-header has its place before all others.
        ordered = sorted([*pseudo, *more], key=lambda header: not header[0].startswith(":"))
        connection.send_headers(1, ordered, end_stream=not body)
        if body:
            connection.send_data(1, body, end_stream=True)
        plain.sendall(connection.data_to_send())
        while (received := plain.recv(65536)) and not _take(connection, received, answer):
            plain.sendall(connection.data_to_send())
    return answer


def _take(connection: H2Connection, received: bytes, answer: Answer) -> bool:
    """Add what was received to the answer; says whether it is complete."""
    for event in connection.receive_data(received):
        if isinstance(event, ResponseReceived):
            found = {str(name): str(value) for name, value in event.headers}
            answer.status, answer.headers = int(found.pop(":status")), found
        elif isinstance(event, DataReceived):
            answer.body += event.data
            connection.acknowledge_received_data(event.flow_controlled_length, 1)
        elif isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
            return True
    return False
