"""To whom it goes along, and to whom never: the same for every client."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from pillion import propagate
from pillion.propagate.present import serving
from tests.propagate.servers import CARRIED

ADA = {name: f"ada's {name}" for name in CARRIED}
Client = Callable[..., dict[str, str]]


def by_httpx(url: str, **headers: str) -> dict[str, str]:
    with propagate.httpx(httpx.Client(follow_redirects=True, verify=False)) as client:
        return _named(client.get(url, headers=headers).json())


def by_httpx_in_a_task(url: str, **headers: str) -> dict[str, str]:
    async def ask() -> Any:
        async with propagate.httpx(httpx.AsyncClient(follow_redirects=True, verify=False)) as client:
            return (await client.get(url, headers=headers)).json()

    return _named(asyncio.run(ask()))


def by_requests(url: str, **headers: str) -> dict[str, str]:
    with propagate.requests(requests.Session()) as session:
        return _named(session.get(url, headers=headers).json())


def by_aiohttp(url: str, **headers: str) -> dict[str, str]:
    async def ask() -> Any:
        session = aiohttp.ClientSession(middlewares=[propagate.aiohttp], trust_env=True)
        async with session, session.get(url, headers=headers) as answer:
            return await answer.json()

    return _named(asyncio.run(ask()))


def _named(told: dict[str, str]) -> dict[str, str]:
    return told


CLIENTS = [by_httpx, by_httpx_in_a_task, by_requests, by_aiohttp]
every_client = pytest.mark.parametrize("call", CLIENTS)


@every_client
@pytest.mark.parametrize("url", ["http://inventory/x", "http://INVENTORY:80/x?a=b", "http://in-7/"])
def test_it_goes_along_to_a_service_of_the_mesh(call: Client, url: str) -> None:
    with serving(dict(ADA)):
        told = call(url)
    assert {name: told.get(name) for name in CARRIED} == ADA


@every_client
def test_it_goes_along_to_the_egress_itself(call: Client, proxy: str) -> None:
    with serving(dict(ADA)):
        told = call(f"{proxy}/x", host="inventory")
    assert {name: told.get(name) for name in CARRIED} == ADA
    assert told["host"] == "inventory"


OUTSIDE = [
    "http://api.stripe.example/v1",
    "http://inventory.example/",
    "http://inventory./",
    "http://localhost/",
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://169.254.169.254/latest/meta-data",
    "http://0x7f000001/",
    "http://inventory.shop.svc.cluster.local/",
    "http://user:inventory@outside.example/",
    "http://outside.example/@inventory/",
    "http://outside.example?inventory",
    "http://outside.example#@inventory",
]


@every_client
@pytest.mark.parametrize("url", OUTSIDE)
def test_it_goes_along_to_nobody_else(call: Client, url: str) -> None:
    """A token of the mesh, in somebody else's hands, is good here."""
    # Some clients call this machine's own addresses by no proxy: nothing listens there.
    with serving(dict(ADA)):
        try:
            told = call(url)
        except (httpx.TransportError, requests.ConnectionError, aiohttp.ClientError):
            return
    assert not {told.get(name) for name in CARRIED} & set(ADA.values())


@every_client
def test_a_redirect_takes_a_token_to_nobody_else(call: Client) -> None:
    """From a service of the mesh to the outside; to another service it goes along."""
    with serving(dict(ADA)):
        assert call("http://inventory/?to=http://outside.example/").get("authorization") is None
        assert call("http://inventory/?to=http://catalog/")["authorization"] == ADA["authorization"]
        assert call("http://outside.example/?to=http://catalog/")["authorization"] == ADA["authorization"]


@every_client
def test_what_the_caller_writes_is_kept(call: Client) -> None:
    with serving(dict(ADA)):
        told = call("http://inventory/", Authorization="Bearer another", traceparent="00-mine")
    assert (told["authorization"], told["traceparent"]) == ("Bearer another", "00-mine")
    assert told["x-request-id"] == ADA["x-request-id"]


@every_client
def test_without_a_request_nothing_goes_along(call: Client) -> None:
    assert call("http://inventory/") == {"host": "inventory"}


@pytest.mark.parametrize(
    "url",
    [
        "https://inventory/",
        "ftp://inventory/",
        "//inventory/",
        "inventory",
        "",
        "http://inventory\\@outside.example/",
        "http://inventory@outside.example/",
        "http://outside.example\\@inventory/",
        "http://inventory\t.outside.example/",
        "http://\u0131nventory/",
        "http://inventory:99999/",
        "http://[inventory]/",
        *OUTSIDE,
    ],
)
def test_a_url_by_itself_gives_nothing_where_it_is_not_plain(url: str) -> None:
    """What two programs may read in two ways is no service of the mesh."""
    with serving(dict(ADA)):
        assert propagate.headers(url) == {}


def test_another_proxy_is_not_the_egress(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a mesh, HTTP_PROXY may be the company's."""
    with serving(dict(ADA)):
        assert propagate.headers(f"{proxy}/x") == ADA
        monkeypatch.delenv("PILLION_SERVICE")
        assert propagate.headers(f"{proxy}/x") == {}


def test_neither_a_framework_nor_the_rest_of_pillion_is_loaded() -> None:
    """Nor is any client that the service does not use."""
    program = (
        "import sys; from pillion import propagate; propagate.headers('http://inventory/');"
        "print(*(m for m in sys.modules if m.split('.')[0] in ('httpx', 'requests', 'aiohttp', 'starlette',"
        " 'django', 'pydantic', 'urllib3', 'click') or m.startswith('pillion.') and 'propagate' not in m))"
    )
    assert subprocess.check_output([sys.executable, "-P", "-c", program], text=True) == "\n"
