"""Many Envoys' streams in one process, as light as may be.

`python -m benchmarks.ads_clients SOCKET KEY COUNT FILE`; in FILE they write how much they have received.

Each is an HTTP/2 connection (RFC 9113) with one gRPC stream, which subscribes as Envoy does and acknowledges
whatever comes. Of an answer only the nonce is read, its last field: what is measured is control, not its clients.
"""

import asyncio
import re
import struct
import sys
from pathlib import Path
from typing import Final, cast

import hpack
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest

from pillion.control import credentials
from pillion.control.resources import TYPE_URL
from pillion.envoy.names import REVOCATIONS, VERIFICATION

DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
ACK, END_HEADERS = 1, 4
HEAD: Final = 9  # bytes before a frame's payload
STREAM: Final = 1
# As large as a window may be: flow control is the server's business here.
WINDOW: Final = 2**31 - 1 - 65535
INITIAL_WINDOW: Final = struct.pack(">HI", 4, 2**31 - 1)
METHOD: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
WORKLOADS: Final = 50
_NONCE: Final = re.compile(rb"\x2a.(pillion\.[a-z]+ [0-9a-f-]+)$", re.DOTALL)


class Envoy(asyncio.Protocol):
    """One connection; `received` is what all of them have been sent."""

    received = 0

    def __init__(self, node: str, credential: str) -> None:
        self._node = node
        self._credential = credential
        self._received = bytearray()
        self._left = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Subscribe."""
        self._transport = cast("asyncio.Transport", transport)
        headers = hpack.Encoder().encode(
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":path", METHOD),
                (":authority", "control"),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
                ("authorization", f"Bearer {self._credential}"),
            ]
        )
        self._transport.write(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(SETTINGS, 0, 0, INITIAL_WINDOW)
            + _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW))
            + _frame(HEADERS, END_HEADERS, STREAM, headers)
        )
        self._send(
            DeltaDiscoveryRequest(
                node=Node(id=self._node),
                type_url=TYPE_URL,
                resource_names_subscribe=[VERIFICATION, REVOCATIONS],
            )
        )

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        Envoy.received += len(data)
        self._received += data
        while len(self._received) >= HEAD:
            length = int.from_bytes(self._received[:3], "big")
            if len(self._received) < HEAD + length:
                return
            kind, flags = self._received[3], self._received[4]
            payload = bytes(self._received[HEAD : HEAD + length])
            del self._received[: HEAD + length]
            if kind == SETTINGS and not flags & ACK:
                self._transport.write(_frame(SETTINGS, ACK, 0, b""))
            elif kind == PING and not flags & ACK:
                self._transport.write(_frame(PING, ACK, 0, payload))
            elif kind == DATA:
                self._take(payload)

    def _take(self, payload: bytes) -> None:
        """Acknowledge a message when all of it is here (gRPC: a byte, its length, itself)."""
        while payload:
            if not self._left:
                self._left = struct.unpack(">I", payload[1:5])[0]
                payload = payload[5:]
            part, payload = payload[: self._left], payload[self._left :]
            self._left -= len(part)
            self._tail = (self._tail + part)[-200:]
            if not self._left and (found := _NONCE.search(self._tail)):
                self._send(DeltaDiscoveryRequest(type_url=TYPE_URL, response_nonce=found[1].decode()))

    def _send(self, request: DeltaDiscoveryRequest) -> None:
        message = bytes(request)
        self._transport.write(_frame(DATA, 0, STREAM, b"\0" + struct.pack(">I", len(message)) + message))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


async def _run(socket: str, key: bytes, count: int, told: Path) -> None:
    loop = asyncio.get_running_loop()
    for number in range(count):
        workload = f"s{number % WORKLOADS}"
        envoy = Envoy(f"{workload}@{number}", credentials.credential(key, workload))
        await loop.create_unix_connection(lambda envoy=envoy: envoy, socket)  # type: ignore[misc]
    while True:
        told.with_suffix(".new").write_text(str(Envoy.received))
        told.with_suffix(".new").replace(told)
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(
        _run(sys.argv[1], credentials.read_key(Path(sys.argv[2])), int(sys.argv[3]), Path(sys.argv[4]))
    )
