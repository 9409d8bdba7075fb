"""Spans and audit lines at an OpenTelemetry collector, from real Envoys."""

import json
import uuid
from collections.abc import Iterator

import pytest

from tests import mesh, wire
from tests.envoy import rig
from tests.envoy.rig import Rig
from tests.local.waiting import until
from tests.telemetry import collector
from tests.telemetry.collector import Collector

SERVICES = """
  orders: {app: APP, paths: [/api/orders], calls: [stock], rules: [{path: /api/orders/open, allow: anyone}]}
  stock: {app: APP}
"""
CALLER = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Collector]]:
    """Run Envoys that tell a collector, and the collector."""
    [port] = mesh.free_ports(1)
    telemetry = f"telemetry: {{otlp: http://127.0.0.1:{port}}}\n"
    with (
        collector.listening(port) as there,
        rig.running(tmp_path_factory.mktemp("told"), SERVICES, trust=(telemetry, {})) as envoys,
    ):
        yield envoys, there


def test_the_spans_of_a_request_are_one_trace(told: tuple[Rig, Collector]) -> None:
    """Each below the one before, as in the audit log; it continues the caller's."""
    envoys, there = told
    trace = uuid.uuid4().hex
    bearer = f"authorization: Bearer {envoys.forge.good()}"
    outside = f"traceparent: 00-{trace}-{CALLER}-00"
    answer = wire.ask(envoys.edge, "GET /api/orders/7?a=b HTTP/1.1", "host: shop", bearer, outside)
    received = dict(json.loads(answer.body)["headers"])
    passed_on = [f"{name}: {received[name]}" for name in ("authorization", "traceparent", "x-request-id")]
    wire.ask(envoys.egress(), "GET http://stock/all HTTP/1.1", "host: stock", *passed_on)

    def chain() -> list[tuple[str, str, str]]:
        below = {span.parent_id: span for span in there.spans if span.trace_id == trace}
        found, parent = [], CALLER
        while (span := below.get(parent)) is not None:
            found.append((span.service, span.name, span.attributes["url.path"]))
            parent = span.span_id
        return found

    until(lambda: sum(span.trace_id == trace for span in there.spans) == 4, "four spans")
    assert chain() == [
        ("edge", "GET orders", "/api/orders/7"),
        ("orders", "GET default", "/api/orders/7"),
        ("orders", "GET stock", "/all"),
        ("stock", "GET default", "/all"),
    ]
    until(lambda: sum(record.trace_id == trace for record in there.records) == 4, "four log records")
    of_trace = [record for record in there.records if record.trace_id == trace]
    line = envoys.audit("stock", "/all")
    [record] = [one for one in of_trace if one.service == "stock"]
    assert record.body == "GET /all 200"
    assert {key: record.attributes[key] for key in ("sub", "rule", "kind", "service", "span_id")} == {
        key: line[key] for key in ("sub", "rule", "kind", "service", "span_id")
    }
    assert record.attributes.keys() == line.keys()


def test_a_refusal_is_told_as_well(told: tuple[Rig, Collector]) -> None:
    envoys, there = told
    mark = uuid.uuid4().hex
    wire.ask(envoys.edge, f"GET /api/orders/{mark} HTTP/1.1", "host: shop")
    until(lambda: any(mark in record.body for record in there.records), "the log record")
    [record] = [record for record in there.records if mark in record.body]
    assert (record.attributes["why"], record.attributes["status"]) == ("token-missing", "401")
    until(lambda: any(mark in span.attributes.get("url.path", "") for span in there.spans), "the span")


def test_no_credential_is_told(told: tuple[Rig, Collector]) -> None:
    """Wherever a caller puts it: a header, a cookie, the query, or the path's query when it is an address."""
    envoys, there = told
    good, bad = envoys.forge.good(), envoys.forge.good(iss="https://evil.example")
    for address in (envoys.edge, envoys.sidecar(), envoys.egress()):
        for token in (good, bad):
            for headers in (
                (f"authorization: Bearer {token}",),
                (f"cookie: pillion-token={token}; pillion-session=c2VjcmV0LXNlc3Npb24",),
                (f"x-client-trace-id: {token}", "x-request-id: not-a-uuid"),
                (f"referer: http://shop/?access_token={token}", f"proxy-authorization: Bearer {token}"),
            ):
                for target in ("/api/orders/open/x", "http://stock/x"):
                    host = "stock" if target.startswith("http") else "shop"
                    request = f"GET {target}?access_token={token}&code=secret-code HTTP/1.1"
                    wire.ask(address, request, f"host: {host}", *headers)
    mark = uuid.uuid4().hex
    wire.ask(envoys.edge, f"GET /api/orders/{mark} HTTP/1.1", "host: shop")
    until(lambda: any(mark in record.body for record in there.records), "the last record")
    until(lambda: any(mark in span.attributes.get("url.path", "") for span in there.spans), "the last span")
    everything = "".join(there.everything)
    assert len(there.spans) > 40
    assert "secret-code" not in everything
    assert "c2VjcmV0LXNlc3Npb24" not in everything
    for token in (good, bad):
        assert not [part for part in token.split(".")[1:] if part in everything]
