"""What must be true of every compiled case, whatever the goldens say: so that no golden can bless a hole."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pillion import vocabulary
from tests.goldens.compiled import CASES, Compiled, compile_case, listeners, resources

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
RBAC = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"
_AMR = {
    "sourced_metadata": {
        "metadata_matcher": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, {"key": "amr"}],
            "value": {"list_match": {"one_of": {"string_match": {"exact": "mfa"}}}},
        }
    }
}
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def _listeners(compiled: Compiled) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Give each listener with its workload and its connection manager."""
    for name in compiled.files:
        workload, _, file = name.partition("/")
        if file != "listeners.yaml":
            continue
        for listener in listeners(workload, compiled.files):
            (chain,) = listener["filter_chains"]
            (manager,) = chain["filters"]
            yield workload, listener, manager["typed_config"]


def _inbound(compiled: Compiled) -> Iterator[tuple[str, dict[str, Any]]]:
    for workload, listener, manager in _listeners(compiled):
        if listener["name"] == "inbound":
            yield workload, manager


def _filters(manager: dict[str, Any]) -> list[str]:
    return [str(entry["name"]) for entry in manager["http_filters"]]


def _routes(manager: dict[str, Any]) -> list[dict[str, Any]]:
    return [route for host in manager["route_config"]["virtual_hosts"] for route in host["routes"]]


@every_case
def test_identity_headers_are_dropped_on_every_listener_before_any_filter(case: Path) -> None:
    """Early header mutation runs before routing, so no route can be exempt."""
    for _, listener, manager in _listeners(compile_case(case)):
        (early,) = manager["early_header_mutation_extensions"]
        patterns = [
            mutation["remove_on_match"]["key_matcher"].get("safe_regex", {}).get("regex", "")
            for mutation in early["typed_config"]["mutations"]
            if "remove_on_match" in mutation
        ]
        for name in (vocabulary.USER_HEADER, vocabulary.ROLES_HEADER, "x.pillion.user", "x~pillion+user"):
            assert any(re.fullmatch(pattern, name) for pattern in patterns), (listener["name"], name)


@every_case
def test_the_router_is_last_and_the_checks_come_in_order(case: Path) -> None:
    """A filter in the wrong place is a check that does not happen."""
    for workload, manager in _inbound(compile_case(case)):
        order = _filters(manager)
        # The first of them decides nothing: it notes what the request came with.
        assert order[:2] == ["pillion.came-with", "pillion.callers"], workload
        assert order[-1] == "envoy.filters.http.router", workload
        trusted = ["pillion.trusted-caller"] if compile_case(case).plan.verification.trusted else []
        known = ["pillion.token-shape", "pillion.verification", "pillion.revocations", *trusted]
        checks = [*known, "pillion.challenge", "pillion.rules"]
        assert [name for name in order if name in [*checks, "pillion.trusted-caller"]] == checks, workload


@every_case
def test_no_filter_of_a_check_can_be_switched_off_by_a_route(case: Path) -> None:
    """Routes carry the rules' requirements; nothing else of a sidecar differs from route to route.

    What is off without a route's word only ever refuses more.
    """
    for workload, manager in _inbound(compile_case(case)):
        off = {entry["name"] for entry in manager["http_filters"] if entry.get("disabled")}
        assert off == {"pillion.challenge"}, workload
        for route in _routes(manager):
            own = route["typed_per_filter_config"]
            assert set(own) - off == {"pillion.rules"}, workload
            assert all(own[name]["rbac"]["rules"]["action"] == "DENY" for name in off & set(own)), workload


@every_case
def test_a_sidecar_takes_only_its_callers_of_the_plan(case: Path) -> None:
    """Strangers it refuses at the handshake, others of the mesh before any other filter; no route says more."""
    compiled = compile_case(case)
    written = {sidecar.service: set(sidecar.callers) for sidecar in compiled.plan.sidecars}
    for workload, listener, manager in _listeners(compiled):
        if listener["name"] != "inbound":
            continue
        tls = listener["filter_chains"][0]["transport_socket"]["typed_config"]
        assert tls["require_client_certificate"] is True, workload
        assert tls["common_tls_context"]["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_3", workload
        assert tls["common_tls_context"]["validation_context_sds_secret_config"]["name"] == "trust", workload
        (refused,) = manager["http_filters"][1]["typed_config"]["rules"]["policies"].values()
        assert refused["principals"] == [{"any": True}], workload
        for host in manager["route_config"]["virtual_hosts"]:
            assert set(host["typed_per_filter_config"]) == {"pillion.callers"}, workload
            rules = host["typed_per_filter_config"]["pillion.callers"]["rbac"]["rules"]
            assert rules["action"] == "DENY", workload
            (principal,) = rules["policies"]["caller-not-allowed"]["principals"]
            assert _named(principal["not_id"]) == written[workload], workload


def _named(principal: dict[str, Any]) -> set[str]:
    if "or_ids" not in principal:
        assert principal == {"not_id": {"any": True}}
        return set()
    sans = [one["custom"]["typed_config"]["san_matcher"] for one in principal["or_ids"]["ids"]]
    assert all(san["san_type"] == "URI" for san in sans)
    return {san["matcher"]["exact"] for san in sans}


@every_case
def test_no_request_goes_to_another_workload_but_by_tls_and_to_the_one_that_is_meant(case: Path) -> None:
    """Every cluster of a peer names the one SPIFFE ID that it takes."""
    compiled = compile_case(case)
    for workload, file in ((name.partition("/")[0], name) for name in compiled.files if "/clusters." in name):
        for cluster in resources(compiled.files[file]):
            if not cluster["name"].startswith("peer-"):
                continue
            service = cluster["name"].removeprefix("peer-")
            tls = cluster["transport_socket"]["typed_config"]["common_tls_context"]
            assert tls["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_3", workload
            checked = tls["combined_validation_context"]
            assert checked["validation_context_sds_secret_config"]["name"] == "trust", workload
            (san,) = checked["default_validation_context"]["match_typed_subject_alt_names"]
            expected = f"spiffe://{compiled.plan.mesh}/service/{service}"
            assert san == {"san_type": "URI", "matcher": {"exact": expected}}, workload


@every_case
def test_a_route_that_says_nothing_lets_nobody_in(case: Path) -> None:
    """The rules' own configuration is an empty list of who is allowed."""
    for workload, manager in _inbound(compile_case(case)):
        (rules,) = (entry for entry in manager["http_filters"] if entry["name"] == "pillion.rules")
        assert rules["typed_config"]["rules"] == {}, workload


@every_case
def test_only_a_written_allow_anyone_is_open(case: Path) -> None:
    """Of the compiled routes exactly those are open whose rule says so; the last one takes all, signed in."""
    compiled = compile_case(case)
    written = {
        sidecar.service: [rule.requires.anyone for rule in sidecar.rules]
        for sidecar in compiled.plan.sidecars
    }
    for workload, manager in _inbound(compiled):
        opened = []
        for route in _routes(manager):
            if "direct_response" in route:  # Envoy's own answer: it leads to no service
                continue
            requirement = route["typed_per_filter_config"]["pillion.rules"]["rbac"]["rules"]
            (policy,) = requirement["policies"].values()
            opened.append(policy["principals"] == [{"any": True}])
        assert opened == written[workload]
        assert opened[-1] is False
        assert _routes(manager)[-1]["match"] == {"prefix": "/"}


@every_case
def test_a_rule_that_asks_for_a_second_factor_lets_nobody_in_without(case: Path) -> None:
    """Of the compiled routes exactly those want `mfa` in our own token's `amr`, whatever else they want."""
    compiled = compile_case(case)
    written = {
        sidecar.service: ["mfa" in {need.kind for need in rule.requires.needs} for rule in sidecar.rules]
        for sidecar in compiled.plan.sidecars
    }
    for workload, manager in _inbound(compiled):
        guarded = []
        for route in _routes(manager):
            if "direct_response" in route:
                continue
            rules = route["typed_per_filter_config"]["pillion.rules"]["rbac"]["rules"]
            (policy,) = rules["policies"].values()
            (principal,) = policy["principals"]
            guarded.append(_AMR in principal.get("and_ids", {}).get("ids", []))
        assert guarded == written[workload]


@every_case
def test_the_edge_lets_nobody_through_to_a_service_but_where_a_rule_may_be_open(case: Path) -> None:
    """A route without an exemption is under the edge's own check, which wants a token."""
    compiled = compile_case(case)
    expected = [(route.service, route.open) for route in compiled.plan.edge.routes]
    for workload, _, manager in _listeners(compiled):
        if workload != "edge":
            continue
        services = [
            route
            for route in _routes(manager)
            if route.get("route", {}).get("cluster", "").startswith("peer-")
        ]
        found = [
            (route["name"], "pillion.access" in route.get("typed_per_filter_config", {}))
            for route in services
        ]
        assert found == expected
        assert _routes(manager)[-1]["direct_response"]["status"] == 404


@every_case
def test_no_admin_interface_is_a_port(case: Path) -> None:
    """Whoever reaches an Envoy's admin interface can do anything with it."""
    for name, text in compile_case(case).files.items():
        if name.endswith("/bootstrap.yaml"):
            assert "admin:\n  address:\n    pipe:\n" in text
            assert "socket_address" not in text


@every_case
def test_no_envoy_fetches_keys_or_takes_a_token_from_the_url(case: Path) -> None:
    """Keys come from control, and tokens only in headers."""
    for workload, listener, manager in _listeners(compile_case(case)):
        if listener["name"] == "egress":
            continue
        (verification,) = (f for f in manager["http_filters"] if f["name"] == "pillion.verification")
        config = verification["config_discovery"]["default_config"]
        for provider in config["providers"].values():
            assert "remote_jwks" not in provider, workload
            assert provider["from_headers"], workload
            assert "from_params" not in provider, workload


@every_case
def test_no_other_issuers_token_says_anything_in_the_place_of_ours(case: Path) -> None:
    """Not in a cookie, not by a header that jwt_authn writes, not where the rules look for our own claims."""
    for workload, listener, manager in _listeners(compile_case(case)):
        if listener["name"] == "egress":
            continue
        (verification,) = (f for f in manager["http_filters"] if f["name"] == "pillion.verification")
        providers = verification["config_discovery"]["default_config"]["providers"]
        own = providers["pillion"]
        places = [own["payload_in_metadata"], own["header_in_metadata"]]
        for provider in (provider for name, provider in providers.items() if name != "pillion"):
            assert {header["name"] for header in provider["from_headers"]} == {"authorization"}, workload
            assert not {"claim_to_headers", "forward_payload_header"} & provider.keys(), workload
            assert provider["require_expiration"] is True, workload
            assert provider["issuer"] != own["issuer"], workload
            places += [provider["payload_in_metadata"], provider["header_in_metadata"]]
        assert len(set(places)) == len(places), workload


@every_case
def test_what_is_streamed_has_a_default_that_refuses(case: Path) -> None:
    """An Envoy that starts while control is away checks tokens, too."""
    for workload, listener, manager in _listeners(compile_case(case)):
        streamed = [f for f in manager["http_filters"] if "config_discovery" in f]
        names = ["pillion.verification", "pillion.revocations"] if listener["name"] != "egress" else []
        assert [f["name"] for f in streamed] == names, workload
        for entry in streamed:
            source = entry["config_discovery"]
            assert source["type_urls"] == [source["default_config"]["@type"]]
            assert "ads" in source["config_source"]
