"""A WSGI service over real sockets."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import requests

from pillion import propagate
from tests.propagate.servers import CARRIED, wsgi_server

URL = "http://inventory/stock"
executor = propagate.Executor(4)


def ask() -> dict[str, str]:
    """Call by `requests`."""
    with propagate.requests(requests.Session()) as own:
        told: dict[str, str] = own.get(URL).json()
        return told


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Call in the handler, in threads, and while the body is sent."""
    start_response("200 OK", [("content-type", "application/json")])
    called = [ask(), *executor.map(lambda _: ask(), range(2))]
    if environ["PATH_INFO"] == "/list":
        return [json.dumps(called).encode()]
    return _body(called)


def _body(called: list[dict[str, str]]) -> Iterator[bytes]:
    found: list[dict[str, str]] = []

    def in_a_thread() -> None:
        found.append(ask())

    thread = threading.Thread(target=propagate.carry(in_a_thread))
    thread.start()
    thread.join()
    yield json.dumps([*called, *found, ask()]).encode()


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Serve the application."""
    with wsgi_server(propagate.wsgi(app)) as url:
        yield url


def whose(number: int) -> dict[str, str]:
    """Give what somebody's request comes with."""
    return {name: f"{name}-of-{number}" for name in CARRIED}


@pytest.mark.parametrize(("path", "calls"), [("/list", 3), ("/stream", 5)])
def test_requests_at_once_do_not_meet(service: str, path: str, calls: int) -> None:
    def one(number: int) -> None:
        headers = whose(number) if number % 7 else {}
        found = httpx.get(f"{service}{path}", headers=headers, trust_env=False, timeout=60).json()
        assert found == [{"host": "inventory", **headers}] * calls

    with ThreadPoolExecutor(16) as crowd:
        list(crowd.map(one, range(60)))


def asked(wrapped: Any, **headers: str) -> Any:
    """Have a WSGI application answer in this thread."""
    return wrapped({f"HTTP_{name.upper()}": value for name, value in headers.items()}, lambda *_: None)


def test_nothing_is_left_in_a_servers_thread() -> None:
    """Neither while a body waits for the server, nor when the application has failed."""

    def streams(_environ: dict[str, Any], _start: Callable[..., Any]) -> Iterator[bytes]:
        yield propagate.headers(URL).get("authorization", "none").encode()
        yield propagate.headers(URL).get("authorization", "none").encode()

    body = asked(propagate.wsgi(streams), authorization="ada")
    parts = iter(body)
    assert next(parts) == b"ada"
    assert propagate.headers(URL) == {}
    body.close()

    def fails(_environ: dict[str, Any], _start: Callable[..., Any]) -> list[bytes]:
        kept.append(propagate.carry(lambda: propagate.headers(URL)))
        assert kept[0]() == {"authorization": "ada"}
        raise ValueError("it fails")

    kept: list[Callable[[], dict[str, str]]] = []
    with pytest.raises(ValueError, match="it fails"):
        asked(propagate.wsgi(fails), authorization="ada")
    assert (propagate.headers(URL), kept[0]()) == ({}, {})


def test_a_body_is_closed_in_its_request_which_ends_then() -> None:
    seen: list[dict[str, str]] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b""])

        def close(self) -> None:
            seen.append(propagate.headers(URL))

    carried: list[Callable[[], dict[str, str]]] = []

    def app_with(_environ: dict[str, Any], _start: Callable[..., Any]) -> Body:
        carried.append(propagate.carry(lambda: propagate.headers(URL)))
        return Body()

    body = asked(propagate.wsgi(app_with), authorization="ada")
    assert carried[0]() == {"authorization": "ada"}
    body.close()
    assert (seen, carried[0]()) == ([{"authorization": "ada"}], {})
