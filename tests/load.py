"""Load that goes on while something happens to the mesh: the good is always answered, the bad never let in."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection

from tests import wire
from tests.local.waiting import until
from tests.wire import Address, Mutual

ENOUGH = 20
# Between two requests of one client: a mesh that has no time left for anything else would show less.
PAUSE_SECONDS = 0.004


@dataclass
class Load:
    """What became of the requests: the statuses of the `good` ones and of the `bad` ones."""

    good: list[int] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)


@contextmanager
def load_that_never_fails(
    address: Address, path: str, token: Callable[[], str], *bad: Callable[[], str]
) -> Iterator[Load]:
    """Ask before, during and after the block: always 200 with `token`'s, never with one of `bad`.

    Good requests are sent on one lasting connection and on new ones, so that neither may fail.
    """
    load = Load()
    done = threading.Event()

    def keep_asking() -> None:
        connection = _lasting(address)
        while not done.wait(PAUSE_SECONDS):
            connection.request("GET", path, headers={"authorization": f"Bearer {token()}"})
            with connection.getresponse() as answer:
                answer.read()
                load.good.append(answer.status)
        connection.close()

    def ask_again() -> None:
        while not done.wait(PAUSE_SECONDS):
            load.good.append(_ask(address, path, token()))

    def try_bad() -> None:
        while not done.wait(PAUSE_SECONDS):
            for one in bad:
                load.bad.append(_ask(address, path, one()))

    loads = [keep_asking, ask_again, *([try_bad] if bad else [])]
    with ThreadPoolExecutor(len(loads)) as threads:
        running = [threads.submit(one) for one in loads]
        try:
            _some_more(load, running, bad=bool(bad))
            yield load
            _some_more(load, running, bad=bool(bad))
        finally:
            done.set()
    for one in running:
        one.result()
    assert set(load.good) == {200}, f"{len(load.good)} good requests: {_counted(load.good)}"
    assert 200 not in load.bad, f"{len(load.bad)} bad requests: {_counted(load.bad)}"


def _some_more(load: Load, running: list[Future[None]], *, bad: bool) -> None:
    good_before, bad_before = len(load.good), len(load.bad)
    until(
        lambda: (
            any(one.done() for one in running)
            or (len(load.good) >= good_before + ENOUGH and (not bad or len(load.bad) > bad_before))
        ),
        "requests are answered",
    )


def _lasting(address: Address) -> HTTPConnection:
    host, port = address[:2]
    if isinstance(address, Mutual):
        return HTTPSConnection(host, port, context=address.context, timeout=wire.PATIENCE_SECONDS)
    return HTTPConnection(host, port, timeout=wire.PATIENCE_SECONDS)


def _ask(address: Address, path: str, token: str) -> int:
    return wire.ask(address, f"GET {path} HTTP/1.1", "host: x", f"authorization: Bearer {token}").status


def _counted(statuses: list[int]) -> dict[int, int]:
    return {status: statuses.count(status) for status in set(statuses)}
