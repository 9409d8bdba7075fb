"""HTTP/2 to a door of the mesh, with headers just as they are written here, the forbidden ones too."""

import ssl
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from pillion.attack import wire
from pillion.attack.target import Door
from pillion.attack.wire import Answer

_AS_WRITTEN: Final = H2Configuration(
    client_side=True,
    header_encoding="latin-1",
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
)


def ask(
    door: Door,
    method: str,
    path: str,
    *headers: tuple[str, str],
    body: bytes = b"",
) -> Answer:
    """Make one request; a pseudo-header in `headers` takes the place of the usual one, a second one is added.

    A gRPC request stays open, and the first headers of the answer are all that is waited for.
    """
    scheme = "https" if door.tls else "http"
    ends = ("content-type", "application/grpc") not in headers
    usual = {":method": method, ":scheme": scheme, ":authority": door.authority, ":path": path}
    given = [name for name, _ in headers]
    kept = [(name, value) for name, value in usual.items() if name not in given]
    ordered = sorted([*kept, *headers], key=lambda header: not header[0].startswith(":"))
    http2 = H2Connection(_AS_WRITTEN)
    with wire.connected(door, http2=True) as connection:
        http2.initiate_connection()
        http2.send_headers(1, ordered, end_stream=ends and not body)
        if body:
            http2.send_data(1, body, end_stream=ends)
        answer = Answer(None)
        try:
            connection.sendall(http2.data_to_send())
            while data := connection.recv(65536):
                answer, complete = _taken(http2, data, answer)
                connection.sendall(http2.data_to_send())
                if complete or (not ends and answer.status is not None):
                    break
        except (ConnectionError, ssl.SSLEOFError, ProtocolError):
            pass  # closed, or not HTTP/2 at all: what was said before counts
    return answer


def _taken(http2: H2Connection, data: bytes, answer: Answer) -> tuple[Answer, bool]:
    """Add what was received to the answer; says whether it is complete."""
    for event in http2.receive_data(data):
        if isinstance(event, ResponseReceived | TrailersReceived):
            more = tuple((str(name), str(value)) for name, value in event.headers or ())
            status = next((int(value) for name, value in more if name == ":status"), answer.status)
            answer = Answer(status, answer.headers + more, answer.body)
        elif isinstance(event, DataReceived):
            answer = Answer(answer.status, answer.headers, answer.body + (event.data or b""))
            http2.acknowledge_received_data(event.flow_controlled_length or 0, 1)
        elif isinstance(event, StreamEnded | StreamReset | ConnectionTerminated):
            return answer, True
    return answer, False
