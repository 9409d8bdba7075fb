"""A name server for pods (CoreDNS' part): services' names lead to their ready pods, or to an own address."""

import asyncio
import struct
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final, cast

TTL_SECONDS: Final = 5
_A, _ANY_CLASS, _OK, _NO_SUCH_NAME = 1, 1, 0, 3
# Gives a name's addresses; None if there is no such name.
Look = Callable[[str], list[str] | None]


class Server(asyncio.DatagramProtocol):
    """Answers questions for addresses (RFC 1035)."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are sent by."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer one question."""
        self._transport.sendto(answer(data, self._look), address)


def answer(query: bytes, look: Look) -> bytes:
    """Answer a message with one question."""
    number, flags = struct.unpack("!HH", query[:4])
    labels, end = [], 12
    while length := query[end]:
        labels.append(query[end + 1 : end + 1 + length].decode("ascii"))
        end += 1 + length
    question = query[12 : end + 5]
    (kind,) = struct.unpack("!H", query[end + 1 : end + 3])
    found = look(".".join(labels).lower())
    addresses = found if found and kind == _A else []
    code = _NO_SUCH_NAME if found is None else _OK
    header = struct.pack("!HHHHHH", number, 0x8480 | (flags & 0x0100) | code, 1, len(addresses), 0, 0)
    records = b"".join(
        struct.pack("!HHHLH", 0xC00C, _A, _ANY_CLASS, TTL_SECONDS, 4) + IPv4Address(one).packed
        for one in addresses
    )
    return header + question + records
