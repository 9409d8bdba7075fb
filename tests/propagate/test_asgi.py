"""An ASGI service over real sockets: what a request came with goes along, and into no other request."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator

import aiohttp
import httpx
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pillion import propagate
from tests.local.waiting import until
from tests.propagate.servers import asgi_server

URL = "http://inventory/stock"
late: list[dict[str, str]] = []
go_on = threading.Event()
executor = propagate.Executor(8)
workers: set[asyncio.Task[None]] = set()
jobs: asyncio.Queue[None] = asyncio.Queue()


def ask() -> dict[str, str]:
    """Call as a thread does; without certificates, which take long to load."""
    with propagate.httpx(httpx.Client(verify=False)) as client:
        told: dict[str, str] = client.get(URL).json()
        return told


async def every_way(request: Request) -> Response:
    """Call in a task, by two clients, in a thread of asyncio's, of an executor's and of its own."""
    found: list[dict[str, str]] = []

    def in_a_thread() -> None:
        found.append(ask())

    thread = threading.Thread(target=propagate.carry(in_a_thread))
    thread.start()
    async with (
        propagate.httpx(httpx.AsyncClient(verify=False)) as client,
        aiohttp.ClientSession(middlewares=[propagate.aiohttp], trust_env=True) as session,
        session.get(URL) as answer,
    ):
        loop = asyncio.get_running_loop()
        found += [
            (await asyncio.create_task(client.get(URL))).json(),
            await answer.json(),
            *(await asyncio.gather(asyncio.to_thread(ask), loop.run_in_executor(executor, ask))),
        ]
    await asyncio.to_thread(thread.join)
    if "x-fail" in request.headers:
        raise RuntimeError
    return JSONResponse(found)


async def streamed(_request: Request) -> Response:
    """Call while the body is sent."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(2):
            await asyncio.sleep(0)
            yield json.dumps(await asyncio.to_thread(ask)).encode() + b"\n"

    return StreamingResponse(body())


def in_the_background(_request: Request) -> Response:
    """Call when the answer has been sent, but for what belongs to the request."""
    return Response(background=BackgroundTask(lambda: late.append(ask())))


async def leaves_a_task_behind(_request: Request) -> Response:
    """Start, by the way, what goes on when the request has ended."""

    async def work() -> None:
        await asyncio.to_thread(go_on.wait)
        late.append(await asyncio.to_thread(ask))

    workers.add(asyncio.create_task(work()))
    return Response()


app = Starlette(
    routes=[
        Route("/", every_way),
        Route("/streamed", streamed),
        Route("/background", in_the_background),
        Route("/left", leaves_a_task_behind),
    ],
    middleware=[Middleware(propagate.asgi)],
)


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Serve the application."""
    with asgi_server(app) as url:
        yield url


def whose(number: int | str) -> dict[str, str]:
    """Give what somebody's request comes with."""
    return {
        "authorization": f"Bearer token-of-{number}",
        "traceparent": f"00-{number:>032}-00f067aa0ba902b7-01",
        "tracestate": f"a={number}",
        "x-request-id": f"request-{number}",
    }


def test_what_a_request_came_with_goes_along_in_every_way(service: str) -> None:
    found = httpx.get(service, headers=whose(1), trust_env=False).json()
    assert found == [{"host": "inventory", **whose(1)}] * 5


def test_hundreds_of_requests_at_once_do_not_meet(service: str) -> None:
    """On connections that are kept, some of them failing, some by nobody."""

    async def one(client: httpx.AsyncClient, number: int) -> None:
        headers = {} if number % 7 == 0 else whose(number)
        # uvicorn closes a connection on which a request has failed.
        fail = {"x-fail": "1", "connection": "close"} if number % 5 == 0 else {}
        answer = await client.get(service, headers=headers | fail)
        if fail:
            assert answer.status_code == 500
        else:
            assert answer.json() == [{"host": "inventory", **headers}] * 5

    async def all_of_them() -> None:
        limits = httpx.Limits(max_connections=40)
        async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
            await asyncio.gather(*(one(client, number) for number in range(200)))

    asyncio.run(all_of_them())


def test_a_body_that_is_streamed_is_of_the_request(service: str) -> None:
    answer = httpx.get(f"{service}/streamed", headers=whose(2), trust_env=False)
    assert [json.loads(line) for line in answer.text.splitlines()] == [{"host": "inventory", **whose(2)}] * 2


def test_a_background_task_is_of_the_request(service: str) -> None:
    late.clear()
    httpx.get(f"{service}/background", headers=whose(3), trust_env=False)
    until(lambda: late, "the background task has called")
    assert late == [{"host": "inventory", **whose(3)}]


def test_what_goes_on_after_the_request_acts_for_nobody(service: str) -> None:
    """A worker that was started by the way must not act for that user later on."""
    late.clear()
    httpx.get(f"{service}/left", headers=whose(4), trust_env=False)
    go_on.set()
    until(lambda: late, "the task has called")
    assert late == [{"host": "inventory"}]
