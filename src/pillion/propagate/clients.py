"""The clients: each adds what goes along to every call it makes, redirected ones too, and keeps what it was told.

Each host is read as the client itself has read it: two parsers that differ would be a way to have a token sent
elsewhere.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from pillion.propagate.mesh import going_to

T = TypeVar("T")


def httpx(client: T) -> T:
    """Have an `httpx.Client` or `httpx.AsyncClient` pass on what goes along; gives the same client."""

    def add(request: Any) -> None:
        url = request.url
        _add(request.headers, going_to(url.scheme, url.host, url.port))

    async def add_in_task(request: Any) -> None:
        add(request)

    of: Any = client
    hook = add_in_task if hasattr(client, "aclose") else add
    of.event_hooks = {**of.event_hooks, "request": [*of.event_hooks["request"], hook]}
    return client


def requests(session: T) -> T:
    """Have a `requests.Session` pass on what goes along; gives the same session."""
    from urllib3.util import parse_url  # noqa: PLC0415 - only where requests is

    of: Any = session
    send = of.send

    @wraps(send)
    def carrying(request: Any, **options: Any) -> Any:
        url = parse_url(request.url)
        _add(request.headers, going_to(url.scheme, url.host, url.port))
        return send(request, **options)

    of.send = carrying
    return session


async def aiohttp(request: Any, handler: Callable[[Any], Awaitable[T]]) -> T:
    """Pass on what goes along, as a middleware: `aiohttp.ClientSession(middlewares=[propagate.aiohttp])`."""
    url = request.url
    _add(request.headers, going_to(url.scheme, url.host, url.port))
    return await handler(request)


def _add(headers: Any, going_along: dict[str, str]) -> None:
    for name, value in going_along.items():
        headers.setdefault(name, value)
