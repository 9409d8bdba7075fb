"""The shop in pods: what its people do, what holds them together, and what must not get through.

One cluster for all; it goes on from one test to the next as a real one would.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from pillion.attack.families import network, sidecars
from pillion.attack.outcome import Verdict
from pillion.attack.target import Target
from tests.cluster import attacker, strangers, traffic
from tests.cluster import shop as shops
from tests.cluster.client import NAMESPACE
from tests.cluster.shop import BUYER, MANAGER, PASSWORD, Shop
from tests.cluster.traffic import ORDER
from tests.kubernetes.reach import Pod
from tests.kubernetes.test_network_policies import expected
from tests.local.waiting import until
from tests.system.browser import chromium

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


def test_every_envoy_is_of_the_image_that_the_overlay_names(shop: Shop) -> None:
    found = [c["image"] for pod in shop.cluster.pods() for c in pod["containers"].values()]
    assert {image for image in found if "envoy" in image} == {
        f"registry.example/envoyproxy/envoy@sha256:{'0' * 64}"
    }


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


def test_somebody_signs_up_buys_and_signs_out_in_a_browser(shop: Shop) -> None:
    email = "visitor@example.com"
    with chromium() as browser:
        page = browser.new_context(base_url=shop.origin, ignore_https_errors=True).new_page()
        page.goto("/")
        expect(page.locator(".product")).to_have_count(6)
        page.get_by_role("button", name="Sign in").first.click()
        page.get_by_role("link", name="Make an account").click()
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        page.wait_for_url(f"{shop.origin}/")
        expect(page.locator("#who")).to_have_text(email)
        page.get_by_role("button", name="Buy Iron teapot").click()
        expect(page.locator("#orders")).to_contain_text("Iron teapot")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_contain_text("signed out")
        page.get_by_role("button", name="Show my orders").click()
        expect(page.get_by_role("dialog")).to_be_visible()


@pytest.fixture(scope="module")
def target(shop: Shop) -> Iterator[Target]:
    """Give the shop as attackers find it."""
    with attacker.ready(shop) as made:
        yield made


def test_no_attack_gets_through_from_outside_or_from_any_pod(shop: Shop, target: Target) -> None:
    starts = restarts(shop)
    not_held = {
        f"{one.family}: {one.attack.name}": f"{one.outcome.verdict}: {one.outcome.answered}"
        for one in attacker.attacked(target)
        if one.outcome.verdict is not Verdict.HELD
    }
    assert not_held == {
        "accounts and passwords: words of a forgotten password": "skipped: no mail is sent from here",
        "control and admin: sockets of the insides": (
            "skipped: none of them is a socket in a folder that can be seen from here"
        ),
        # From the service's own pod, where it speaks for itself (SECURITY.md).
        "a service's way out: in the service's name": (
            "known: orders's egress: 404 blank: whoever reaches an egress speaks for its service"
        ),
    }
    assert restarts(shop) == starts


def test_a_network_that_lets_everybody_through_is_found(shop: Shop, target: Target) -> None:
    """So the attack of above can fail."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]}
    shop.cluster.apply([{"kind": "NetworkPolicy", "metadata": {"name": "everybody"}, "spec": spec}])
    until(lambda: attacker.verdict(target, network.FAMILY, "a connection") is Verdict.THROUGH, "it is found")
    shop.cluster.order("delete", kind="NetworkPolicy", namespace=NAMESPACE, name="everybody")
    until(lambda: attacker.verdict(target, network.FAMILY, "a connection") is Verdict.HELD, "it is mended")


def test_a_sidecar_that_lets_in_every_workload_is_found(shop: Shop, target: Target) -> None:
    rendered = shop.cluster.get("ConfigMap", "pillion-orders")
    assert rendered is not None
    routes = rendered["data"]["inbound.routes.yaml"]
    assert routes.count("exact: spiffe://shop/edge") == 1
    careless = routes.replace("exact: spiffe://shop/edge", "prefix: spiffe://shop/")
    shop.cluster.apply([rendered | {"data": rendered["data"] | {"inbound.routes.yaml": careless}}])
    until(
        lambda: attacker.verdict(target, sidecars.FAMILY, "as another workload") is Verdict.THROUGH,
        "it is found",
    )
    shop.cluster.apply([rendered])
    until(
        lambda: attacker.verdict(target, sidecars.FAMILY, "as another workload") is Verdict.HELD,
        "it is mended",
    )


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


def test_an_edit_reaches_the_envoys_that_it_touches_and_starts_nothing_anew(shop: Shop) -> None:
    pods, starts = names(shop), restarts(shop)
    with shop.signed_in(BUYER) as buyer:
        assert buyer.get("/api/orders/reports").status_code == 403
        with traffic.that_never_fails(shop, BUYER):
            said = shop.edit("methods: [GET], roles: [manager]", "methods: [GET]")
            until(lambda: buyer.get("/api/orders/reports").status_code == 200, "the rule is taken up")
    assert said == {"ConfigMap/pillion-orders": "configured"}
    assert (names(shop), restarts(shop)) == (pods, starts)


def test_a_call_that_is_added_opens_the_way_at_both_ends(shop: Shop) -> None:
    ask = "import urllib.request as r; print(r.urlopen('http://inventory/stock', timeout=5).status)"

    def calls() -> bool:
        words = ("sh", "-c", f'python -c "{ask}" 2>&1 || true')
        return shop.cluster.execute(shop.pod("web"), "web", *words).endswith("200\n")

    assert not calls()
    said = shop.edit("health: /\n", "health: /\n    calls: [inventory]\n")
    assert {name for name in said if name.startswith("Deployment/")} == set()
    until(calls, "the page may ask inventory")


def names(shop: Shop) -> set[str]:
    """Name all pods."""
    return {pod["name"] for pod in shop.cluster.pods()}


def test_certificates_are_replaced_under_load(shop: Shop) -> None:
    pods, starts = names(shop), restarts(shop)
    before = {shown(shop, workload) for workload in ("orders", "inventory")}
    with traffic.that_never_fails(shop, BUYER):
        for workload in ("edge", "orders", "inventory", "identity"):
            assert shop.cluster.order("renew", namespace="shop", certificate=f"pillion-{workload}")
        until(
            lambda: before.isdisjoint(shown(shop, workload) for workload in ("orders", "inventory")),
            "the new certificates are shown",
        )
    assert (names(shop), restarts(shop)) == (pods, starts)


def shown(shop: Shop, workload: str) -> str:
    """Give the certificate that a sidecar shows."""
    ask = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 15001)))"
    return shop.cluster.execute(shop.pod(workload), "pillion-sidecar", "python", "-c", ask)


def test_everything_is_rolled_out_under_load(shop: Shop) -> None:
    before = names(shop)
    with traffic.that_never_fails(shop, BUYER):
        shop.roll_out("edge", "identity", "control", "orders", "inventory")
    kept = {name.partition("-")[0] for name in before & names(shop)}
    assert kept.isdisjoint({"edge", "identity", "control", "orders", "inventory"})


def test_killed_containers_are_missed_for_a_moment_and_let_nobody_in(shop: Shop) -> None:
    with shop.signed_in(BUYER) as buyer:
        token = buyer.cookies["__Host-pillion-token"]
    starts = sum(restarts(shop).values())
    killed = {workload: shop.pod(workload) for workload in WORKLOADS}
    for pod in killed.values():
        shop.cluster.kill(pod)
    until(lambda: all_serve(shop, token), "orders are shown again")
    assert {tried(shop, token[:-4]) for _ in range(5)} <= {401, None}
    shop.cluster.settle()
    assert sum(restarts(shop).values()) >= starts + len(killed)
    assert killed.items() <= {(workload, name) for workload in WORKLOADS for name in all_of(shop, workload)}
    with shop.signed_in(BUYER) as buyer:  # Envoys look names up every two or three seconds
        until(lambda: buyer.post("/api/orders", json=ORDER).status_code in {201, 409}, "orders are taken")


def all_of(shop: Shop, workload: str) -> list[str]:
    """Name the pods of a workload."""
    return [pod["name"] for pod in shop.cluster.pods(workload)]


def tried(shop: Shop, token: str) -> int | None:
    """Ask for orders with a token; None when there is no answer at all."""
    try:
        return bearing(shop, token)
    except httpx.HTTPError:
        return None


def all_serve(shop: Shop, token: str) -> bool:
    """Say whether every edge answers: connections go to one after the other."""
    return all(tried(shop, token) == 200 for _ in range(6))


def test_without_control_who_is_signed_in_goes_on_and_new_envoys_know_the_keys(shop: Shop) -> None:
    shop.scale("control", 0)
    with shop.signed_in(BUYER) as buyer:
        token = buyer.cookies["__Host-pillion-token"]
        for pod in (*all_of(shop, "edge"), *all_of(shop, "orders")):
            shop.cluster.kill(pod)
        until(lambda: all_serve(shop, token), "who starts anew knows the keys")
        assert tried(shop, f"{token[:-4]}AAAA") == 401
        assert buyer.post("/sign-out").is_success
    assert tried(shop, token) == 200, "nobody tells of it yet"
    shop.scale("control", 2)
    until(lambda: tried(shop, token) == 401, "the revocation has spread")


def test_without_the_database_who_is_signed_in_goes_on(shop: Shop) -> None:
    starts = restarts(shop)
    with shop.signed_in(BUYER) as buyer:
        session = f"__Host-pillion-session={buyer.cookies['__Host-pillion-session']}"
        until(lambda: all_serve(shop, buyer.cookies["__Host-pillion-token"]), "nobody starts any more")
        shop.database.kill()
        assert buyer.get("/api/orders").status_code == 200
        with shop.client(cookie=session) as without_token:
            until(lambda: without_token.get("/api/orders").status_code == 503, "it cannot be asked")
            assert without_token.get("/api/orders").headers["retry-after"]
            shop.database.start()
            until(lambda: without_token.get("/api/orders").status_code == 200, "identity answers again")
        assert buyer.post("/api/orders", json=ORDER).status_code in {201, 409}
    shop.cluster.settle()
    assert restarts(shop) == starts


def test_no_pod_of_a_service_gets_in_without_a_sidecar_that_guards_it(shop: Shop) -> None:
    around = pod_of("orders") | {"hostNetwork": True}
    with pytest.raises(AssertionError, match="denied the request"):
        shop.cluster.apply([labelled("around", around)])
    with pytest.raises(AssertionError, match="no service is named"):
        shop.cluster.apply([labelled("unknown", pod_of("orders"), "order")])
    assert {"around", "unknown"}.isdisjoint(names(shop))


def test_a_job_calls_by_its_sidecar_and_is_done_when_its_app_is(shop: Shop) -> None:
    ask = "import urllib.request as r; assert r.urlopen('http://inventory/stock', timeout=5).status == 200"
    again = f'for n in 1 2 3 4 5 6 7 8 9; do python -c "{ask}" && exit 0; sleep 1; done; exit 1'
    template = labelled("count", pod_of("orders", "sh", "-c", again) | {"restartPolicy": "Never"})
    shop.cluster.apply([{"kind": "Job", "metadata": {"name": "count"}, "spec": {"template": template}}])
    until(lambda: shop.cluster.order("finished").get("Job/count"), "it is done", 40)
    assert shop.cluster.order("finished")["Job/count"] == "Succeeded"


def pod_of(service: str, *command: str) -> dict[str, Any]:
    """Write what a pod of a service runs, as somebody would who knows nothing of sidecars."""
    container = {"name": service, "image": "python:3", "command": [*(command or ("sleep", "infinity"))]}
    return {"containers": [container]}


def labelled(name: str, spec: dict[str, Any], service: str = "orders") -> dict[str, Any]:
    """Write a pod that says of which service it is."""
    labels = {"pillion.dev/service": service}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": spec,
    }
