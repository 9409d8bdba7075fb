"""What follows from a topology, decided before anything knows of Envoy."""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

from pillion.plan import EdgeRoute, Plan, Rule, UnixSocket, assign, build
from pillion.plan.model import ANYONE
from pillion.plan.needs import signed_in
from pillion.topology import Topology

SIGNED_IN = signed_in(())
Matched = TypeVar("Matched", EdgeRoute, Rule)

IDENTITY = UnixSocket(path="identity.sock")


def plan_of(services: dict[str, dict[str, Any]], **edge: Any) -> Plan:
    """Plan a mesh of these services; the app's address is given to those that name none."""
    numbered = {
        name: {"app": f"127.0.0.1:{7001 + index}", **service}
        for index, (name, service) in enumerate(services.items())
    }
    topology = Topology.model_validate({"mesh": "shop", "edge": edge, "services": numbered})
    return build(topology, assign(topology), IDENTITY)


def routes_of(*rules: dict[str, Any], paths: tuple[str, ...] = ("/api",)) -> tuple[EdgeRoute, ...]:
    """Give the edge's routes for one service with these rules."""
    return plan_of({"orders": {"paths": list(paths), "rules": list(rules)}}).edge.routes


def chosen(of: Iterable[Matched], method: str, path: str) -> Matched | None:
    """Find the route, or the rule, for a request, as an Envoy does: the first that fits."""
    for one in of:
        below = one.path in ("/", path) or path.startswith(f"{one.path}/")
        if below and (not one.methods or method in one.methods):
            return one
    return None


def test_a_service_without_rules_asks_everybody_to_sign_in() -> None:
    """Absence means deny."""
    [sidecar] = plan_of({"orders": {"paths": ["/api"]}}).sidecars
    assert [(rule.name, rule.path, rule.methods, rule.requires) for rule in sidecar.rules] == [
        ("default", "/", (), SIGNED_IN)
    ]


def test_the_last_rule_of_every_sidecar_is_the_default() -> None:
    """Also behind a rule that opens everything below it."""
    [sidecar] = plan_of(
        {"orders": {"paths": ["/api"], "rules": [{"path": "/api", "allow": "anyone"}]}}
    ).sidecars
    assert [rule.requires for rule in sidecar.rules] == [ANYONE, SIGNED_IN]


def test_written_rules_keep_their_order_and_name_their_place() -> None:
    """The first match wins, so the order is the meaning; the name is what audit lines and problems say."""
    rules = [
        {"path": "/api/reports", "methods": ["POST", "GET"], "roles": ["owner", "manager"]},
        {"path": "/api", "allow": "anyone"},
    ]
    [sidecar] = plan_of({"orders": {"paths": ["/api"], "rules": rules}}).sidecars
    first, second, _ = sidecar.rules
    assert (first.name, first.methods) == ("rules[0]", ("GET", "HEAD", "POST"))
    assert [need.asked for need in first.requires.needs] == [
        "a valid token",
        "the role manager or owner",
    ]
    assert second.name == "rules[1]"


def test_a_service_without_paths_has_no_route_at_the_edge() -> None:
    """Only those that name it in `calls` reach it."""
    plan = plan_of({"orders": {"paths": ["/api"], "calls": ["inventory"]}, "inventory": {}})
    assert {route.service for route in plan.edge.routes} == {"orders"}
    assert [peer.service for sidecar in plan.sidecars for peer in sidecar.peers] == ["inventory"]


def test_a_service_is_called_by_the_edge_if_it_has_paths_and_by_those_that_name_it() -> None:
    """By nobody, if it has none and no one does."""
    plan = plan_of(
        {
            "orders": {"paths": ["/api"], "calls": ["inventory"]},
            "web": {"paths": ["/"], "calls": ["orders", "inventory"]},
            "inventory": {},
            "lonely": {},
        }
    )
    assert {sidecar.service: sidecar.callers for sidecar in plan.sidecars} == {
        "inventory": ("spiffe://shop/service/orders", "spiffe://shop/service/web"),
        "lonely": (),
        "orders": ("spiffe://shop/edge", "spiffe://shop/service/web"),
        "web": ("spiffe://shop/edge",),
    }


def test_the_longest_path_is_tried_first() -> None:
    """However the services are ordered; `/` takes only what nobody else claims."""
    plan = plan_of(
        {"a": {"paths": ["/"]}, "b": {"paths": ["/api/orders/old"]}, "c": {"paths": ["/api/orders"]}}
    )
    assert [(route.path, route.service) for route in plan.edge.routes] == [
        ("/api/orders/old", "b"),
        ("/api/orders", "c"),
        ("/", "a"),
    ]


def test_an_open_rule_opens_only_its_own_requests_at_the_edge() -> None:
    """The rest of the path stays closed."""
    assert [
        (route.path, route.methods, route.open)
        for route in routes_of({"path": "/api/health", "methods": ["GET"], "allow": "anyone"})
    ] == [("/api/health", ("GET", "HEAD"), True), ("/api", (), False)]


def test_a_closed_rule_before_an_open_one_stays_closed() -> None:
    """Not folded into the open one behind it."""
    routes = routes_of({"path": "/api/reports", "roles": ["manager"]}, {"path": "/api", "allow": "anyone"})
    assert [(route.path, route.open) for route in routes[:2]] == [("/api/reports", False), ("/api", True)]


def test_a_rule_for_the_whole_service_opens_each_of_its_paths() -> None:
    """`/` lies above every path."""
    routes = routes_of({"path": "/", "allow": "anyone"}, paths=("/", "/api"))
    assert {(route.path, route.open) for route in routes if route.open} == {("/api", True), ("/", True)}


METHODS = ("GET", "POST")
PATHS = ("/api", "/api/reports", "/api/reports/old", "/other", "/other/x", "/apix")
RULES: tuple[dict[str, Any], ...] = (
    {"path": "/api", "allow": "anyone"},
    {"path": "/api/reports", "roles": ["manager"]},
    {"path": "/api/reports/old", "methods": ["GET"], "allow": "anyone"},
    {"path": "/other", "methods": ["POST"], "allow": "anyone"},
    {"path": "/api", "methods": ["GET"], "roles": ["buyer"]},
)


@pytest.mark.parametrize("rules", [rules for n in range(4) for rules in itertools.permutations(RULES, n)])
def test_the_edge_opens_just_what_the_sidecar_opens(rules: tuple[dict[str, Any], ...]) -> None:
    """For every order of the rules and every request: neither more, nor less."""
    plan = plan_of({"orders": {"paths": ["/api", "/other"], "rules": list(rules)}})
    [sidecar] = plan.sidecars
    for method, path in itertools.product(METHODS, PATHS):
        route = chosen(plan.edge.routes, method, path)
        assert (route is None) == (path == "/apix")
        if route is not None:
            rule = chosen(sidecar.rules, method, path)
            assert rule is not None
            assert route.open == rule.requires.anyone, f"{method} {path}: {rule.name}"


def test_tokens_are_of_this_mesh_and_origin() -> None:
    """A token good for one mesh is good for no other."""
    plan = plan_of({"orders": {}}, origin="https://shop.example")
    assert (plan.verification.issuer, plan.verification.audience) == ("https://shop.example", "shop")


def test_an_https_origin_has_cookies_that_no_neighbour_can_set() -> None:
    """`__Host-` (RFC 6265bis, section 4.1.3.2)."""
    assert plan_of({"orders": {}}, origin="https://shop.example").edge.cookies.session.startswith("__Host-")
    assert not plan_of({"orders": {}}).edge.cookies.session.startswith("__")


def test_the_order_in_which_services_are_written_does_not_matter() -> None:
    """The same topology is the same plan."""
    services = {"b": {"app": "127.0.0.1:1", "paths": ["/b"]}, "a": {"app": "127.0.0.1:2", "calls": ["b"]}}
    assert plan_of(services) == plan_of(dict(reversed(services.items())))


def test_a_plan_cannot_be_changed() -> None:
    """What is decided stays decided."""
    plan = plan_of({"orders": {}})
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.sidecars[0].service = "other"  # type: ignore[misc]
