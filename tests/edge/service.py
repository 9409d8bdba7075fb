"""The service behind the edge in these tests: says exactly what reached it, and streams whatever it is asked to.

An ASGI application that the mesh starts by `run: python service.py`. Paths count by their last segment:

    …/seen      the targets of all requests that got here, the last ones, as JSON
    …/events    server-sent events: one at once, one after somebody has asked for …/go-on
    …/socket    a WebSocket that says who is calling, and then echoes
    …/sum       the size and SHA-256 of the body, as JSON
    …/big       `?bytes=N`: that many bytes of the pattern BLOCK
    …/set       `?c=…&c=…`: sets these cookies
    any other   the request itself, as JSON
"""

import asyncio
import collections
import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import uvicorn

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BLOCK: Final = bytes(range(256)) * 256
_REMEMBERED: Final = 5000

_seen: collections.deque[str] = collections.deque(maxlen=_REMEMBERED)
_go_on: Final = asyncio.Event()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request or WebSocket."""
    if scope["type"] == "lifespan":
        return
    last = scope["path"].rpartition("/")[2]
    if last != "seen":
        _seen.append(_target(scope))
    if scope["type"] == "websocket":
        await _socket(scope, receive, send)
    elif last == "events":
        await _events(send)
    elif last == "sum":
        await _sum(receive, send)
    elif last == "big":
        await _big(int(parse_qs(scope["query_string"])[b"bytes"][0]), send)
    elif last == "seen":
        await _json(list(_seen), send)
    elif last == "set":
        await _json({}, send, cookies=parse_qs(scope["query_string"])[b"c"])
    else:
        if last == "go-on":
            _go_on.set()
        await _json(_request(scope, await _body(receive)), send)


def _target(scope: Message) -> str:
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _request(scope: Message, body: bytes) -> Message:
    return {
        "method": scope["method"],
        "target": _target(scope),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _json(document: object, send: Send, cookies: Sequence[bytes] = ()) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(b"set-cookie", cookie) for cookie in cookies]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _events(send: Send) -> None:
    _go_on.clear()
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    await _go_on.wait()
    await send({"type": "http.response.body", "body": b"data: second\n\n"})


async def _socket(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send(
        {"type": "websocket.send", "text": json.dumps(dict(_request({**scope, "method": "GET"}, b"")))}
    )
    while (message := await receive())["type"] == "websocket.receive":
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


async def _sum(receive: Receive, send: Send) -> None:
    digest, count, more = hashlib.sha256(), 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        digest.update(part)
        count += len(part)
        more = message.get("more_body", False)
    await _json({"bytes": count, "sha256": digest.hexdigest()}, send)


async def _big(count: int, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for begin in range(0, count, len(BLOCK)):
        part = BLOCK[: count - begin]
        await send({"type": "http.response.body", "body": part, "more_body": begin + len(part) < count})


if __name__ == "__main__":
    uvicorn.run(
        application, port=int(os.environ["PORT"]), log_level="warning", lifespan="off", ws="websockets-sansio"
    )
