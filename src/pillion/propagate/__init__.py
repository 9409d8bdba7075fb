"""Passes on who a request is from, and which request it is, with the calls that are made while it is served.

For services written in Python. A middleware keeps the incoming `Authorization`, trace context and request id while
the request is served; a client adds them to its calls to other services of the mesh, and to no other host.

    from pillion import propagate

    app = propagate.asgi(app)                                   # or: propagate.wsgi(app)
    client = propagate.httpx(httpx.AsyncClient())               # or: httpx.Client()
    session = propagate.requests(requests.Session())
    session = aiohttp.ClientSession(middlewares=[propagate.aiohttp], trust_env=True)

Tasks and `asyncio.to_thread` inherit the request. A thread does when it is told to: `propagate.carry(function)`,
or a `propagate.Executor`. What goes on after the request has ended carries nothing any more.

Nothing here depends on the rest of Pillion, or on a framework.
"""

from pillion.propagate.clients import aiohttp, httpx, requests
from pillion.propagate.mesh import headers
from pillion.propagate.present import Executor, carry
from pillion.propagate.servers import asgi, wsgi

__all__ = ["Executor", "aiohttp", "asgi", "carry", "headers", "httpx", "requests", "wsgi"]
