"""The shop in pods: what its people do, what holds them together, and what must not get through.

One cluster for all; it goes on from one test to the next as a real one would.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster import shop as shops
from tests.cluster import strangers
from tests.cluster.shop import BUYER, MANAGER, PASSWORD, Shop
from tests.kubernetes.reach import Pod
from tests.kubernetes.test_network_policies import expected
from tests.local.waiting import until

ORDER = {"items": [{"sku": "tea", "quantity": 1}]}
WORKLOADS = ("edge", "identity", "control", "web", "catalog", "orders", "inventory")
# Everything that anybody listens at in a pod, and a port at which nobody does.
PORTS = (15001, 15002, 15020, 15021, 8443, 7000, 7001, 7002, 7003, 5432)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run it."""
    with shops.running(tmp_path_factory.mktemp("shop")) as started:
        yield started


def restarts(shop: Shop) -> dict[str, int]:
    """Count how often containers of the shop have been started again."""
    return {
        f"{pod['name']}/{name}": container["restarts"]
        for pod in shop.cluster.pods()
        for name, container in pod["containers"].items()
        if container["restarts"]
    }


def test_everything_came_up_at_once(shop: Shop) -> None:
    assert restarts(shop) == {}


def test_an_order_goes_through_the_edge_and_two_services(shop: Shop) -> None:
    email = "newcomer@example.com"
    with shop.client() as client:
        assert client.get("/api/catalog").json()["for"] is None
        assert client.post("/api/orders", json=ORDER).status_code == 401
        assert client.post("/sign-up", json={"email": email, "password": PASSWORD}).status_code in {200, 201}
        signed_in = client.post("/sign-in", json={"email": email, "password": PASSWORD})
        assert signed_in.status_code == 200, signed_in.text
        assert {cookie.name for cookie in client.cookies.jar} == {
            "__Host-pillion-session",
            "__Host-pillion-token",
        }
        order = client.post("/api/orders", json=ORDER)
        assert order.status_code == 201, order.text
        user = client.get("/me").json()["sub"]
        assert reserved(shop, order.json()["id"]) == user
        assert client.get("/api/orders/reports").status_code == 403
        assert client.put("/api/catalog/mug", json={"cents": 1}).status_code == 403
        assert client.get("/stock").status_code == 404, "nothing leads to inventory from the edge"
        token = client.cookies["__Host-pillion-token"]
        assert client.post("/sign-out").status_code in {200, 204, 303}
        assert client.post("/api/orders", json=ORDER).status_code == 401
    until(lambda: bearing(shop, token) == 401, "the token is refused by every edge")


def reserved(shop: Shop, order: str) -> str:
    """Ask inventory's own database whose order it is."""
    ask = (
        "import sqlite3, sys; database = sqlite3.connect('/app/data/inventory.sqlite3');"
        f"print(database.execute('SELECT user FROM reservation WHERE order_id = ?', ['{order}']).fetchone()[0])"
    )
    return shop.cluster.execute(shop.pod("inventory"), "inventory", "python", "-c", ask).strip()


def bearing(shop: Shop, token: str) -> int:
    """Ask for orders with a token, at an edge that the load balancer chooses."""
    with shop.client(authorization=f"Bearer {token}") as client:
        return client.get("/api/orders").status_code


def test_roles_count_in_pods_as_on_a_laptop(shop: Shop) -> None:
    with shop.signed_in(MANAGER) as manager:
        assert manager.get("/api/orders/reports").status_code == 200
        assert manager.put("/api/catalog/mug", json={"cents": 1900}).status_code == 200
    with shop.signed_in(BUYER) as buyer:
        assert buyer.get("/api/catalog").json()["for"] == BUYER
        assert buyer.get("/api/orders/reports").status_code == 403


def test_pods_reach_whom_the_topology_says_and_nobody_else(shop: Shop) -> None:
    shop.cluster.apply(strangers.documents())
    until(lambda: all(pod["address"] for pod in strange(shop)), "the strangers are there")
    mesh = shop.loaded()
    sources = [Pod(one, pod["address"], pod["namespace"], {}) for one, pod in one_each(shop).items()]
    sources += [Pod(pod["name"], pod["address"], pod["namespace"], {}) for pod in strange(shop)]
    pods = {one: pod["name"] for one, pod in one_each(shop).items()}

    def tried(source: Pod) -> list[str]:
        targets = [(target, port) for target in sources if target.name != source.name for port in PORTS]
        found = shop.cluster.knock(
            pods.get(source.name, source.name), [f"{target.address}:{port}" for target, port in targets]
        )
        return [
            f"{source.name} -> {target.name}:{port} is {found[f'{target.address}:{port}']}"
            for target, port in targets
            if (found[f"{target.address}:{port}"] != "shut") != expected(mesh, source, target, port)
        ]

    with ThreadPoolExecutor(len(sources)) as threads:
        assert [one for found in threads.map(tried, sources) for one in found] == []


def strange(shop: Shop) -> list[dict[str, Any]]:
    """Give the strangers."""
    return [pod for pod in shop.cluster.pods() if pod["name"] in strangers.NAMES]


def one_each(shop: Shop) -> dict[str, dict[str, Any]]:
    """Give one pod of each workload."""
    return {workload: shop.cluster.pods(workload)[0] for workload in WORKLOADS}
