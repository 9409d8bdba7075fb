"""The shop from the outside, over HTTP: who may do what, and that the user arrives at every hop."""

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.system.shop import BUYER, MANAGER, PASSWORD, Shop, link_to

ORDER = {"items": [{"sku": "tea", "quantity": 1}]}
PATIENCE_SECONDS = 20.0


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"


def test_anyone_may_read_the_catalogue(shop: Shop) -> None:
    answer = httpx.get(f"{shop.edge}/api/catalog")
    assert answer.status_code == 200
    assert answer.json()["for"] is None


def test_a_service_is_told_who_is_calling_on_an_open_path_too(shop: Shop) -> None:
    with shop.signed_in(BUYER) as client:
        assert client.get("/api/catalog").json()["for"] == BUYER


def test_without_a_token_an_order_is_refused_in_the_standard_form(shop: Shop) -> None:
    answer = httpx.post(f"{shop.edge}/api/orders", json=ORDER)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 401


def test_a_page_navigation_is_sent_to_the_sign_in_form(shop: Shop) -> None:
    answer = httpx.get(f"{shop.edge}/api/orders?page=2&sort=new", headers={"sec-fetch-mode": "navigate"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/api/orders%3Fpage%3D2%26sort%3Dnew"
    assert httpx.get(f"{shop.edge}{answer.headers['location']}").status_code == 200


def test_an_order_carries_the_user_to_the_second_hop(shop: Shop) -> None:
    with shop.signed_in(BUYER) as client:
        user = client.get("/me").json()["sub"]
        order = client.post("/api/orders", json=ORDER).json()["id"]
        assert [one["id"] for one in client.get("/api/orders").json()["orders"]].count(order) == 1
    reserved = shop.rows("inventory", f"SELECT user FROM reservation WHERE order_id = '{order}'")
    assert reserved == [(user,)]


def test_both_hops_of_an_order_stand_in_the_audit_logs_under_one_request_id(shop: Shop) -> None:
    token = shop.token(BUYER)
    answer = httpx.post(f"{shop.edge}/api/orders", json=ORDER, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 201

    def lines(workload: str) -> list[dict[str, object]]:
        log = shop.mesh.state / "audit" / f"{workload}.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()]

    def last_order() -> dict[str, object]:
        return [line for line in lines("edge") if line["path"] == "/api/orders" and line["status"] == 201][-1]

    _until(lambda: any(line["status"] == 201 for line in lines("edge")))
    edge = last_order()
    _until(lambda: any(line["request_id"] == edge["request_id"] for line in lines("inventory")))
    hops = [
        line
        for workload in ("orders", "inventory")
        for line in lines(workload)
        if (line["request_id"], line["kind"]) == (edge["request_id"], "inbound")
    ]
    assert [(hop["service"], hop["path"], hop["why"]) for hop in hops] == [
        ("orders", "/api/orders", None),
        ("inventory", "/reserve", None),
    ]
    assert {(hop["sub"], hop["sid"], hop["jti"]) for hop in hops} == {(edge["sub"], edge["sid"], edge["jti"])}
    assert {hop["trace_id"] for hop in hops} == {edge["trace_id"]}
    request = shop.mesh.pillion("audit", "--request", str(edge["request_id"])).stdout
    assert [row.partition("  20")[0].strip() for row in request.splitlines()[-2:]] == [
        "└─ edge → orders",
        "└─ orders → inventory",
    ]
    assert f"user     {edge['sub']}\n" in request
    by_address = shop.mesh.pillion("audit", "--user", BUYER, "--json").stdout
    assert {json.loads(line)["sub"] for line in by_address.splitlines()} == {edge["sub"]}


def test_a_buyer_sees_only_their_own_orders(shop: Shop) -> None:
    with shop.signed_in(MANAGER) as manager, shop.signed_in(BUYER) as buyer:
        order = manager.post("/api/orders", json=ORDER).json()["id"]
        assert buyer.get(f"/api/orders/{order}").status_code == 404
        assert manager.get(f"/api/orders/{order}").status_code == 200


def test_the_report_is_for_managers(shop: Shop) -> None:
    with shop.signed_in(MANAGER) as manager, shop.signed_in(BUYER) as buyer:
        assert manager.get("/api/orders/reports").status_code == 200
        refused = buyer.get("/api/orders/reports")
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"


def test_only_managers_change_the_catalogue(shop: Shop) -> None:
    with shop.signed_in(MANAGER) as manager, shop.signed_in(BUYER) as buyer:
        assert buyer.put("/api/catalog/mug", json={"cents": 1}).status_code == 403
        assert manager.put("/api/catalog/mug", json={"cents": 1900}).status_code == 200


def test_a_role_that_is_taken_away_is_gone_with_the_next_token(shop: Shop) -> None:
    assert shop.token(MANAGER) != shop.token(MANAGER)
    claims = httpx.get(f"{shop.edge}/me", headers={"authorization": f"Bearer {shop.token(MANAGER)}"}).json()
    assert claims["roles"] == ["manager"]


def test_the_inventory_is_not_reachable_from_the_edge(shop: Shop) -> None:
    with shop.signed_in(MANAGER) as client:
        assert client.get("/stock").status_code == 404
        assert client.get("/inventory/stock").status_code == 404


@pytest.mark.parametrize(
    ("service", "caller"),
    [("catalog", "edge"), ("inventory", "service/orders"), ("orders", "edge"), ("web", "edge")],
)
def test_a_sidecar_called_directly_asks_who_is_there_and_for_a_token(
    shop: Shop, service: str, caller: str
) -> None:
    sidecar = shop.mesh.sidecar(service)
    with pytest.raises(httpx.NetworkError):
        httpx.post(f"{sidecar}/stock", verify=shop.mesh.trusting("shop"))
    answer = httpx.post(f"{sidecar}/stock", verify=shop.mesh.identified(f"spiffe://shop/{caller}"))
    assert answer.status_code == 401


def test_a_service_cannot_call_whom_it_did_not_name(shop: Shop) -> None:
    with httpx.Client(proxy=shop.mesh.egress("inventory")) as inventory:
        answer = inventory.get("http://orders/api/orders")
    assert answer.status_code == 403
    assert "services.inventory.calls" in answer.json()["detail"]


def test_a_service_that_acts_for_itself_has_a_name_of_its_own(shop: Shop) -> None:
    """Nobody has given it a secret; and a token that is no good does not become its own."""
    with httpx.Client(proxy=shop.mesh.egress("orders")) as orders:
        answer = orders.get("http://inventory/stock", headers={"x-request-id": "of-its-own-accord"})
        assert answer.status_code == 200
        forged = {"authorization": f"Bearer {shop.token(BUYER)}x"}
        assert orders.get("http://inventory/stock", headers=forged).status_code == 401
    log = shop.mesh.state / "audit" / "inventory.jsonl"
    _until(lambda: "of-its-own-accord" in log.read_text())
    [line] = [
        line
        for line in map(json.loads, log.read_text().splitlines())
        if line["request_id"] == answer.request.headers["x-request-id"]
    ]
    assert (line["sub"], line["why"]) == ("spiffe://shop/service/orders", None)
    listed = json.loads(shop.mesh.pillion("session", "list", "--json").stdout)
    assert line["sid"] in {one["sid"] for one in listed if one["client_id"] == line["sub"]}


def test_out_of_stock_orders_nothing(shop: Shop) -> None:
    with shop.signed_in(BUYER) as client:
        before = client.get("/api/orders").json()
        items = [{"sku": "tea", "quantity": 1}, {"sku": "whisk", "quantity": 1}]
        assert client.post("/api/orders", json={"items": items}).status_code == 409
        assert client.get("/api/orders").json() == before


def test_a_good_cookie_never_costs_a_call_to_identity(shop: Shop) -> None:
    def renewals() -> int:
        transport = httpx.HTTPTransport(uds=_short(shop.mesh.state / "run" / "identity.sock"))
        with httpx.Client(transport=transport) as client:
            return int(client.get("http://identity/-/health").json()["renewals"])

    with shop.signed_in(BUYER) as client:
        before = renewals()
        with ThreadPoolExecutor(8) as crowd:
            answers = set(crowd.map(lambda _: client.get("/api/orders").status_code, range(1000)))
        assert answers == {200}
        assert renewals() == before
        del client.cookies["pillion-token"]
        assert client.get("/api/orders").status_code == 200
        assert renewals() == before + 1


def test_signing_out_ends_the_session(shop: Shop) -> None:
    with shop.signed_in(BUYER) as client:
        session = client.cookies["pillion-session"]
        assert client.post("/sign-out").status_code == 204
        assert client.get("/me").status_code == 401
    stolen = httpx.get(f"{shop.edge}/me", headers={"cookie": f"pillion-session={session}"})
    assert stolen.status_code == 401


def test_another_sites_page_cannot_order_in_the_users_name(shop: Shop) -> None:
    with shop.signed_in(BUYER) as client:
        answer = client.post("/api/orders", json=ORDER, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_when_identity_is_killed_good_tokens_go_on_and_what_it_acknowledged_is_there_after(
    shop: Shop,
) -> None:
    email = "late@example.com"
    asked = httpx.post(f"{shop.edge}/sign-up", json={"email": email, "password": PASSWORD})
    assert (asked.status_code, asked.json()) == (202, {"mailed_to": email})
    link, _, key = link_to(shop.mesh, email, "verify").partition("?key=")
    signed_up = httpx.post(link, json={"key": key, "password": PASSWORD})
    assert signed_up.status_code == 200, signed_up.text
    cookies = {"pillion-session": signed_up.cookies["pillion-session"]}
    with shop.signed_in(BUYER) as client:
        identity = psutil.Process(shop.mesh.workload("identity", "identity")["pid"])
        for process in (identity, *identity.children(recursive=True)):
            process.send_signal(signal.SIGKILL)
        assert client.get("/api/orders").status_code == 200
        _until(lambda: httpx.get(f"{shop.edge}/me", cookies=cookies).status_code != 503)
        assert httpx.get(f"{shop.edge}/me", cookies=cookies).json()["email"] == email
    again = httpx.post(f"{shop.edge}/sign-in", json={"email": email, "password": PASSWORD})
    assert again.status_code == 200


def test_no_credential_stands_in_any_log(shop: Shop) -> None:
    with shop.signed_in(BUYER) as client:
        client.get("/api/orders", params={"access_token": "in-the-query"})
        secrets = [PASSWORD, client.cookies["pillion-session"], client.cookies["pillion-token"].split(".")[2]]
    logs = [path for folder in ("logs", "audit") for path in (shop.mesh.state / folder).iterdir()]
    assert len(logs) > 5
    _until(lambda: '"/api/orders"' in (shop.mesh.state / "audit" / "edge.jsonl").read_text())
    for log in logs:
        text = log.read_text()
        assert [secret for secret in [*secrets, "in-the-query"] if secret in text] == [], log


def _short(socket: Path) -> str:
    """Name a socket by a path that is short enough, however deep the test's folder lies."""
    return os.path.relpath(socket)
