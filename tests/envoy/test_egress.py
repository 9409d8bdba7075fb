"""A service's own calls: to those whom it names, as it received its caller, and to nobody else."""

import json
from collections.abc import Iterator

import pytest

from tests import wire
from tests.envoy import rig
from tests.envoy.rig import Rig

OTHERS = (
    "lonely",
    "orders",
    "edge",
    "identity",
    "inventory.example",
    "inventory.",
    "localhost",
    "127.0.0.1",
    "169.254.169.254",
    "[::1]",
    "example.com:443",
)


def through(
    mesh: Rig, host: str, *headers: str, path: str = "/stock", service: str = "orders"
) -> wire.Answer:
    """Call as a service does that knows its egress as HTTP_PROXY."""
    return wire.ask(mesh.egress(service), f"GET http://{host}{path} HTTP/1.1", f"host: {host}", *headers)


def test_a_call_reaches_the_peer_with_the_users_token(mesh: Rig) -> None:
    """As a forward proxy, by the Host header alone, and with a port that does not matter."""
    token = mesh.forge.good()
    bearer = f"authorization: Bearer {token}"
    for answer in (
        through(mesh, "inventory", bearer),
        through(mesh, "inventory:80", bearer),
        through(mesh, "INVENTORY", bearer),
        wire.ask(mesh.egress(), "GET /stock HTTP/1.1", "host: inventory", bearer),
    ):
        assert answer.status == 200
        told = json.loads(answer.body)
        headers = dict(told["headers"])
        assert told["path"] == "/stock"
        assert headers["x-pillion-user"] == "2f1c0c5e-6a1b-4b0e-9a52-2f0f6b1d8a11"
        assert headers["authorization"] == f"Bearer {token}"


def test_a_call_without_a_token_is_refused_by_the_peer(mesh: Rig) -> None:
    """The next sidecar believes nobody, a neighbour included."""
    answer = through(mesh, "inventory")
    assert answer.status == 401
    assert json.loads(answer.body)["type"] == "urn:pillion:problem:token-missing"


def test_identity_cannot_be_forged_through_an_egress(mesh: Rig) -> None:
    """Whatever a service claims, the peer hears of the token's user."""
    forged = ("x-pillion-user: mallory", "x-pillion-roles: manager", "x.pillion.user: mallory")
    assert through(mesh, "inventory", *forged).status == 401
    answer = through(mesh, "inventory", f"authorization: Bearer {mesh.forge.good(roles=['buyer'])}", *forged)
    assert "mallory" not in answer.body.decode()
    assert dict(json.loads(answer.body)["headers"])["x-pillion-roles"] == "buyer"


@pytest.mark.parametrize("host", OTHERS)
def test_nobody_else_can_be_called(mesh: Rig, host: str) -> None:
    """Neither a service that is not named, nor oneself, nor any address; it says what to write."""
    seen = [len(service.seen) for service in mesh.services.values()]
    answer = through(mesh, host, f"authorization: Bearer {mesh.forge.good()}")
    assert answer.status == 403
    problem = json.loads(answer.body)
    assert problem["type"] == "urn:pillion:problem:peer-not-called"
    assert "services.orders.calls in pillion.yaml (inventory so far)" in problem["detail"]
    assert [len(service.seen) for service in mesh.services.values()] == seen


def test_a_service_that_calls_nobody_can_call_nobody(mesh: Rig) -> None:
    """Its egress says so, with its own name."""
    answer = through(mesh, "inventory", service="lonely")
    assert answer.status == 403
    detail = json.loads(answer.body)["detail"]
    assert "'lonely' may not call 'inventory'" in detail
    assert "services.lonely.calls in pillion.yaml (nobody so far)" in detail


@pytest.mark.parametrize("host", ["inventory:443", "inventory:80", "orders:443", "127.0.0.1:22"])
def test_no_tunnel_is_made_and_it_says_what_to_write(mesh: Rig, host: str) -> None:
    """CONNECT is what a program sends to its proxy for https; it would get past every filter."""
    answer = wire.ask(mesh.egress(), f"CONNECT {host} HTTP/1.1", f"host: {host}")
    assert (answer.status, answer.headers["x-pillion-refused"]) == (400, "plain-http-only")
    assert "Write http:// in place of https://" in json.loads(answer.body)["detail"]


def test_an_https_url_is_served_as_it_is_encrypted_on_the_way(mesh: Rig) -> None:
    """Some programs send it to a proxy as it stands, without a tunnel."""
    bearer = f"authorization: Bearer {mesh.forge.good()}"
    answer = wire.ask(mesh.egress(), "GET https://inventory/stock HTTP/1.1", "host: inventory", bearer)
    assert (answer.status, json.loads(answer.body)["path"]) == (200, "/stock")
    answer = wire.ask(mesh.egress(), "GET https://lonely/stock HTTP/1.1", "host: lonely", bearer)
    assert (answer.status, answer.headers["x-pillion-refused"]) == (403, "peer-not-called")


def test_the_request_id_goes_along(mesh: Rig) -> None:
    """A service that forwards it ties the hops together."""
    wanted = "5f0c7f5e-7f0b-4b39-9d65-6d8a4a3f7a11"
    answer = through(
        mesh, "inventory", f"authorization: Bearer {mesh.forge.good()}", f"x-request-id: {wanted}"
    )
    assert dict(json.loads(answer.body)["headers"])["x-request-id"] == wanted


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give two services that call each other."""
    services = (
        "  a: {app: APP, calls: [b]}\n  b: {app: APP, calls: [a], rules: [{path: /x, allow: anyone}]}\n"
    )
    with rig.running(tmp_path_factory.mktemp("both"), services) as started:
        yield started


def test_an_open_rule_opens_a_path_to_peers_as_well(everybody: Rig) -> None:
    """`allow: anyone` is anyone; the other way stays closed."""
    assert through(everybody, "b", path="/x", service="a").status == 200
    assert through(everybody, "b", path="/y", service="a").status == 401
    assert through(everybody, "a", path="/x", service="b").status == 401
