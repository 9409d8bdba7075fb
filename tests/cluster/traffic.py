"""Traffic that goes on while something happens to the cluster: people who order, read, and come back later."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from tests.cluster.shop import Shop
from tests.local.waiting import until

ORDER: Final = {"items": [{"sku": "tea", "quantity": 1}]}
# Two cores have more to do than to answer.
_PAUSE_SECONDS: Final = 0.05
_ENOUGH: Final = 5
# It reserves the tea, or there is none left.
_WHAT_INVENTORY_SAYS: Final = (201, 409)
_SESSION: Final = "__Host-pillion-session"


@dataclass
class Traffic:
    """What was answered, by the kind of request; what was not, in words."""

    answered: dict[str, list[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@contextmanager
def that_never_fails(shop: Shop, email: str) -> Iterator[Traffic]:
    """Ask before, during and after the block, as the user who is called so: everything has to be answered well.

    `order` goes through two services, each time by a new connection; `read` uses one connection as long as it
    lasts; `return` has no token any more, so that the edge has to ask identity for one.
    """
    with shop.signed_in(email) as client:
        session = client.cookies[_SESSION]
        token = {"authorization": f"Bearer {client.cookies['__Host-pillion-token']}"}

        def order() -> int:
            with shop.client(**token) as fresh:
                status = fresh.post("/api/orders", json=ORDER).status_code
                return 200 if status in _WHAT_INVENTORY_SAYS else status

        def read() -> int:
            return lasting.get("/api/orders").status_code

        def come_back() -> int:
            with shop.client(cookie=f"{_SESSION}={session}") as fresh:
                return fresh.get("/api/orders").status_code

        kinds = {"order": order, "read": read, "return": come_back}
        with shop.client(**token) as lasting, _going_on(kinds) as traffic:
            yield traffic
    assert traffic.failed == []
    wrong = {kind: [one for one in said if one != 200] for kind, said in traffic.answered.items()}
    assert wrong == {kind: [] for kind in kinds}, {kind: len(said) for kind, said in traffic.answered.items()}


@contextmanager
def _going_on(kinds: dict[str, Callable[[], int]]) -> Iterator[Traffic]:
    traffic, done = Traffic({kind: [] for kind in kinds}), threading.Event()

    def keep_asking(kind: str) -> None:
        while not done.wait(_PAUSE_SECONDS):
            try:
                traffic.answered[kind].append(kinds[kind]())
            except httpx.HTTPError as error:
                traffic.failed.append(f"{kind} after {len(traffic.answered[kind])}: {error!r}")

    with ThreadPoolExecutor(len(kinds)) as threads:
        running = [threads.submit(keep_asking, kind) for kind in kinds]
        try:
            _some_more(traffic)
            yield traffic
            _some_more(traffic)
        finally:
            done.set()
    for one in running:
        one.result()


def _some_more(traffic: Traffic) -> None:
    before = {kind: len(statuses) for kind, statuses in traffic.answered.items()}
    until(
        lambda: (
            traffic.failed or all(len(traffic.answered[kind]) >= before[kind] + _ENOUGH for kind in before)
        ),
        "requests are answered",
    )
