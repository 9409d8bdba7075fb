"""Asks whether something is there: one question each, answered yes or no within a second."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from pillion.plan import Address, UnixSocket

Probe = Callable[[], Awaitable[bool]]

_TIMEOUT_SECONDS: Final = 1.0
_LONGEST_STATUS_LINE: Final = 1024


async def accepts(address: Address | UnixSocket) -> bool:
    """Say whether connections are accepted at `address`; a socket's path may be relative."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await _connect(address)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def answers(socket: UnixSocket, path: str) -> bool:
    """Say whether `GET path` over HTTP at `socket` is answered with 200."""
    status = await request(socket, "GET", path)
    return status is not None and status[0] == 200  # noqa: PLR2004 - OK


async def request(socket: UnixSocket, method: str, path: str) -> tuple[int, str] | None:
    """Send a request without a body; gives the status and the body, or None if no answer came."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = await _connect(socket)
            try:
                writer.write(head.encode("ascii"))
                answer = (await reader.read(-1)).decode("utf-8", errors="replace")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    head, _, body = answer.partition("\r\n\r\n")
    words = head[:_LONGEST_STATUS_LINE].split(None, 2)
    return (int(words[1]), body) if len(words) > 1 and words[1].isdecimal() else None


async def _connect(address: Address | UnixSocket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(address, UnixSocket):
        return await asyncio.open_unix_connection(address.path)
    return await asyncio.open_connection(address.host, address.port)
