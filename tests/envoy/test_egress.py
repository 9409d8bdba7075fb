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
    assert "services.orders.calls in pillion.yaml" in problem["detail"]
    assert [len(service.seen) for service in mesh.services.values()] == seen


def test_a_service_that_calls_nobody_can_call_nobody(mesh: Rig) -> None:
    """Its egress says so, with its own name."""
    answer = through(mesh, "inventory", service="lonely")
    assert answer.status == 403
    assert "'lonely' may not call 'inventory'" in json.loads(answer.body)["detail"]


def test_no_tunnel_is_made(mesh: Rig) -> None:
    """CONNECT would get past every filter."""
    for host in ("inventory:80", "127.0.0.1:22"):
        for answer in wire.exchange(
            mesh.egress(), wire.lines(f"CONNECT {host} HTTP/1.1", f"host: {host}"), (False,)
        ):
            assert answer.status in (403, 404, 405)


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
