"""What a caller outside says about the request itself, and about the way it came, counts for nothing."""

import pytest

from tests.edge.edge_mesh import EdgeMesh, headers, problem

# Orders to Envoy.
TO_ENVOY = {
    "x-envoy-auth-failure-mode-allowed": "true",
    "x-envoy-decorator-operation": "x",
    "x-envoy-expected-rq-timeout-ms": "1",
    "x-envoy-external-address": "203.0.113.7",
    "x-envoy-force-trace": "true",
    "x-envoy-internal": "true",
    "x-envoy-max-retries": "100",
    "x-envoy-original-path": "/api/reports",
    "x-envoy-original-method": "DELETE",
    "x-envoy-retry-on": "5xx",
    "x-envoy-upstream-alt-stat-name": "x",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-upstream-rq-timeout-ms": "1",
}
# By these, frameworks take the request for another than the one that the rules were applied to.
OF_THE_REQUEST = {
    "x-http-method": "DELETE",
    "x-http-method-override": "DELETE",
    "x-method-override": "DELETE",
    "x-original-url": "/api/reports",
    "x-rewrite-url": "/api/reports",
}
# What only the outermost proxy knows; here that is the edge.
OF_THE_WAY = {
    "forwarded": "for=203.0.113.7;host=evil.example;proto=https",
    "x-forwarded-host": "evil.example",
    "x-forwarded-port": "444",
    "x-forwarded-prefix": "/evil",
    "x-forwarded-server": "evil.example",
    "x-real-ip": "203.0.113.7",
}


@pytest.mark.parametrize("name", [*TO_ENVOY, *OF_THE_REQUEST, *OF_THE_WAY])
def test_a_header_that_only_a_proxy_should_send_does_not_arrive(edge: EdgeMesh, name: str) -> None:
    value = {**TO_ENVOY, **OF_THE_REQUEST, **OF_THE_WAY}[name]
    answer = edge.ask("GET", "/api/open/things", {name: value})
    assert answer.status_code == 200
    assert name not in headers(answer)
    problem(edge.ask("GET", "/api/things", {name: value}), 401, "token-missing")


def test_the_callers_address_and_scheme_are_those_that_the_edge_saw(edge: EdgeMesh) -> None:
    """What is on the left of X-Forwarded-For is hearsay; the last address is the edge's own word."""
    alone = headers(edge.get("/api/open/things"))["x-forwarded-for"]
    got = headers(edge.get("/api/open/things", x_forwarded_for="203.0.113.7", x_forwarded_proto="https"))
    assert got["x-forwarded-for"].replace(" ", "") == f"203.0.113.7,{alone}"
    assert got["x-forwarded-proto"] == "http"


def test_nobody_outside_chooses_the_request_id(edge: EdgeMesh) -> None:
    """By it, the hops of one request are found in the audit logs."""
    assert headers(edge.get("/api/open/things", x_request_id="mine"))["x-request-id"] != "mine"


def test_a_stream_cannot_be_cut_short_from_outside(edge: EdgeMesh) -> None:
    sent = {name: value for name, value in TO_ENVOY.items() if name.endswith("-ms")}
    answer = edge.ask("GET", f"/api/open/big?bytes={1 << 22}", sent)
    assert (answer.status_code, len(answer.content)) == (200, 1 << 22)
