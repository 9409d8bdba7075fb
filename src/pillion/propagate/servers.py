"""The middlewares: they keep what a request came with for as long as it is served, and not a moment longer."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

from pillion.propagate.present import NAMES, Kept, kept, serving

AsgiApp = Callable[[MutableMapping[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def asgi(app: AsgiApp) -> AsgiApp:
    """Wrap an ASGI application: Starlette, FastAPI, Django, Quart or any other.

    A request ends when the application has returned: after its streamed body, its background tasks, its WebSocket.
    """

    async def serve(
        scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        request = kept((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        try:
            with serving(request):
                await app(scope, receive, send)
        finally:
            request.clear()

    return serve


def wsgi(app: WsgiApp) -> WsgiApp:
    """Wrap a WSGI application: Flask, Django or any other.

    A request ends when the server has taken all of the body, and closed it (PEP 3333).
    """
    variables = {f"HTTP_{name.upper().replace('-', '_')}": name for name in NAMES}

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = kept(
            (name, environ[variable]) for variable, name in variables.items() if variable in environ
        )
        try:
            with serving(request):
                body = app(environ, start_response)
        except BaseException:
            request.clear()
            raise
        if isinstance(body, list | tuple):  # nothing is left to do, and servers look at its length
            request.clear()
            return body
        return _Body(body, request)

    return serve


class _Body:
    """A body that is made while it is sent: each part of it in the request, whichever thread asks for it."""

    def __init__(self, body: Iterable[bytes], request: Kept) -> None:
        self._body = body
        self._parts = iter(body)
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with serving(self._request):
            return next(self._parts)

    def close(self) -> None:
        """End the request; the server calls this, whatever has happened."""
        try:
            if (close := getattr(self._body, "close", None)) is not None:
                with serving(self._request):
                    close()
        finally:
            self._request.clear()
