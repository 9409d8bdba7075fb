"""One HTTP request of identity's to somebody else, whose answer is bounded in time and size.

What is sent is a secret each time (a password, a client's secret, a token): no redirect is followed.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx

# It says of every request that there was one, with what stands in its URL.
logging.getLogger("httpx").setLevel(logging.WARNING)

# Compressed, a short answer could be a very long one.
_ACCEPTED: Final = {"accept": "application/json", "accept-encoding": "identity"}

# What httpx raises for a request that cannot be made, or an answer that is none. Timeouts are among them, but for
# the one of the whole, which is a TimeoutError.
FAILURES: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError)


class TooLongError(Exception):
    """An answer is longer than it may be; says how long that is."""


def client(
    *, seconds: float, connect_seconds: float, by_proxy: bool, tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """Make a client, which is asked in the `event_loop`; a proxy is the environment's, if there is one.

    `tls` says whom it believes, and what it shows: by itself those whom the machine believes, and nothing.
    """
    return httpx.AsyncClient(
        verify=tls or ssl.create_default_context(),
        timeout=httpx.Timeout(seconds, connect=connect_seconds),
        # One that the other side has just closed for being idle would fail, and cannot be told from others.
        limits=httpx.Limits(max_keepalive_connections=0),
        follow_redirects=False,
        trust_env=by_proxy,
    )


async def exchange(  # noqa: PLR0913 - what a request consists of
    asked: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    seconds: float,
    most_bytes: int,
    headers: Mapping[str, str] | None = None,
    **sent: Any,
) -> tuple[int, bytes]:
    """Ask, and give status and content of the answer, within `seconds` for all of it.

    `sent` is as httpx has it (`data`, `content`, `auth`). Of what is to be 0 bytes nothing is read. Raises
    TooLongError, TimeoutError, or one of FAILURES.
    """
    async with (
        asyncio.timeout(seconds),
        asked.stream(method, url, headers={**_ACCEPTED, **(headers or {})}, **sent) as answer,
    ):
        return answer.status_code, await _content(answer, most_bytes) if most_bytes else b""


async def _content(answer: httpx.Response, most_bytes: int) -> bytes:
    content = b""
    async for part in answer.aiter_raw():
        content += part
        if len(content) > most_bytes:
            raise TooLongError(f"its answer is longer than {most_bytes} bytes")
    return content
