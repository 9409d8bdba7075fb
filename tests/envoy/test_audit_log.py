"""The audit log: one line per request, with who, what, and why it was refused; and nothing secret."""

import json
import re
import time
import uuid
from typing import Any

import pytest

from pillion.audit.hops import hops
from pillion.audit.record import Damage, files, of_request
from pillion.audit.words import walk
from tests import wire
from tests.envoy.rig import Rig
from tests.local.waiting import until

SUB = "2f1c0c5e-6a1b-4b0e-9a52-2f0f6b1d8a11"
SID = "b2a9f3f0-52a4-4c3e-8a57-6d1f6c1f2f10"
FIELDS = {
    "time",
    "request_id",
    "service",
    "kind",
    "trace_id",
    "span_id",
    "traceparent",
    "host",
    "method",
    "path",
    "status",
    "why",
    "rule",
    "sub",
    "sid",
    "jti",
    "caller",
    "from",
    "ms",
    "details",
}


def line_of(
    mesh: Rig, path: str, *headers: str, method: str = "GET", workload: str = "orders"
) -> dict[str, Any]:
    """Ask, below `path`, and give the line that this left."""
    mark = uuid.uuid4().hex
    address = mesh.edge if workload == "edge" else mesh.sidecar(workload)
    request = (f"{method} {path}/{mark}?secret=query HTTP/1.1", "host: shop", "content-length: 0", *headers)
    answer = wire.ask(address, *request)
    line = mesh.audit(workload, mark)
    assert line.keys() == FIELDS
    assert (line["service"], line["method"], line["status"]) == (workload, method, answer.status)
    assert line["path"] == f"{path}/{mark}"
    assert line["caller"] == {"orders": "spiffe://proof/edge", "edge": None}[workload]
    assert re.fullmatch(r"127\.0\.0\.1:\d+", line["from"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert line["request_id"] == (answer.headers.get("x-request-id") or line["request_id"])
    uuid.UUID(line["request_id"])
    return line


@pytest.mark.parametrize("workload", ["orders", "edge"])
def test_a_request_that_is_let_in(mesh: Rig, workload: str) -> None:
    """By the token's own ids; `why` is null."""
    token = mesh.forge.good(jti="the-jti")
    bearer = f"authorization: Bearer {token}"
    line = line_of(mesh, "/api/orders", bearer, method="POST", workload=workload)
    assert (line["status"], line["why"]) == (200, None)
    assert (line["sub"], line["sid"], line["jti"]) == (SUB, SID, "the-jti")
    assert line["rule"] == ("default" if workload == "orders" else "orders")


def test_a_request_by_nobody_on_an_open_path(mesh: Rig) -> None:
    """It names nobody, and the rule that let it in."""
    line = line_of(mesh, "/api/orders/open")
    assert (line["status"], line["why"], line["rule"]) == (200, None, "rules[0]")
    assert (line["sub"], line["sid"], line["jti"]) == (None, None, None)


@pytest.mark.parametrize("workload", ["orders", "edge"])
@pytest.mark.parametrize(
    ("changed", "status", "why"),
    [
        (None, 401, "token-missing"),
        ({"exp": int(time.time()) - 60}, 401, "token-expired"),
        ({"iss": "https://evil.example"}, 401, "token-invalid"),
    ],
)
def test_a_request_that_is_refused(
    mesh: Rig, workload: str, changed: dict[str, Any] | None, status: int, why: str
) -> None:
    """It says why, in the word that the caller got; a token that is not believed names nobody."""
    headers = [] if changed is None else [f"authorization: Bearer {mesh.forge.good(**changed)}"]
    line = line_of(mesh, "/api/orders", *headers, workload=workload)
    assert (line["status"], line["why"]) == (status, why)
    assert (line["sub"], line["sid"], line["jti"]) == (None, None, None)


def test_a_request_that_a_rule_refuses_names_who_was_refused(mesh: Rig) -> None:
    """At the sidecar, and at the edge, through which the refusal passed."""
    bearer = f"authorization: Bearer {mesh.forge.good(roles=['buyer'])}"
    line = line_of(mesh, "/api/orders/reports", bearer)
    assert (line["status"], line["why"], line["rule"], line["sub"]) == (403, "rule-refused", "rules[1]", SUB)
    line = line_of(mesh, "/api/orders/reports", bearer, workload="edge")
    assert (line["status"], line["why"], line["sub"]) == (403, "rule-refused", SUB)


def test_one_request_has_one_id_on_every_hop(mesh: Rig) -> None:
    """The edge makes it; the sidecar keeps it; the outside cannot choose it."""
    mark = uuid.uuid4().hex
    bearer = f"authorization: Bearer {mesh.forge.good()}"
    chosen = str(uuid.uuid4())
    wire.ask(mesh.edge, f"GET /api/orders/{mark} HTTP/1.1", "host: shop", bearer, f"x-request-id: {chosen}")
    ids = {mesh.audit(workload, mark)["request_id"] for workload in ("edge", "orders")}
    assert len(ids) == 1
    assert chosen not in ids


def test_each_hop_has_a_span_and_says_which_led_to_it(mesh: Rig) -> None:
    """The edge continues the caller's trace; a service ties its calls to what it serves by passing it on."""
    mark, trace = uuid.uuid4().hex, uuid.uuid4().hex
    bearer = f"authorization: Bearer {mesh.forge.good()}"
    outside = f"traceparent: 00-{trace}-00f067aa0ba902b7-00"
    answer = wire.ask(mesh.edge, f"GET /api/orders/{mark} HTTP/1.1", "host: shop", bearer, outside)
    received = dict(json.loads(answer.body)["headers"])
    passed_on = [f"{name}: {received[name]}" for name in ("authorization", "traceparent", "x-request-id")]
    for host in ("inventory", "lonely"):
        wire.ask(mesh.egress(), f"GET http://{host}/{mark} HTTP/1.1", f"host: {host}", *passed_on)
    mesh.audit("edge", mark)
    mesh.audit("inventory", mark)
    until(lambda: len(mesh.audit_lines("orders", mark)) == 3, "the lines of both calls")
    found = of_request(files(mesh.folder / "audit"), received["x-request-id"], Damage())
    assert {line.trace_id for line in found} == {trace}
    [edge] = hops(found)
    assert edge.line.parent_id == "00f067aa0ba902b7"
    [orders] = edge.hops
    calls = {call.callee: (call.line.kind, call.line.status, call.line.why) for call in orders.hops}
    assert calls == {"inventory": ("inbound", 200, ""), "lonely": ("egress", 403, "peer-not-called")}
    assert {call.caller for call in orders.hops} == {"orders"}
    assert not [hop for hop in walk([edge]) if hop.assumed]


def test_a_refused_request_is_a_hop_too(mesh: Rig) -> None:
    """Of the trace that it came with, though it is passed on to nobody."""
    sent, trace = str(uuid.uuid4()), uuid.uuid4().hex
    outside = f"traceparent: 00-{trace}-00f067aa0ba902b7-00"
    wire.ask(mesh.sidecar(), "GET /api/orders HTTP/1.1", "host: x", f"x-request-id: {sent}", outside)
    log = files(mesh.folder / "audit", "orders")
    until(lambda: bool(of_request(log, sent, Damage())), "the line of the refusal")
    [line] = of_request(log, sent, Damage())
    assert (line.status, line.trace_id, line.parent_id) == (401, trace, "00f067aa0ba902b7")


def test_what_a_caller_sends_cannot_break_a_line(mesh: Rig) -> None:
    """Quotes and backslashes stay inside their field: each line is one JSON object."""
    mark = uuid.uuid4().hex
    target = f'/api/orders/{mark}",%22sub%22:"root'
    wire.ask(mesh.sidecar(), f"GET {target} HTTP/1.1", "host: shop", 'x-request-id: a","sub":"root')
    line = mesh.audit("orders", mark)
    assert line["sub"] is None
    assert line["path"] == target.replace('"', "%22")


def test_no_credential_is_in_any_log(mesh: Rig) -> None:
    """Neither a token nor a part of one, nor a cookie, nor a query; good, bad or in the wrong place."""
    good, bad = mesh.forge.good(), mesh.forge.good(iss="https://evil.example")
    for address in (mesh.sidecar(), mesh.edge):
        for token in (good, bad):
            for header in (f"authorization: Bearer {token}", f"cookie: pillion-token={token}"):
                wire.ask(address, f"GET /api/orders/x?access_token={token} HTTP/1.1", "host: shop", header)
        wire.ask(
            address, "GET /api/orders/x HTTP/1.1", "host: shop", "cookie: pillion-session=c2VjcmV0LXNlc3Npb24"
        )
    line_of(mesh, "/api/orders")
    line_of(mesh, "/api/orders", workload="edge")
    written = "".join(
        path.read_text(encoding="utf-8")
        for path in (*mesh.folder.glob("audit/*.jsonl"), *mesh.folder.glob("*.log"))
    )
    for token in (good, bad):
        assert not [part for part in token.split(".") if part in written]
    assert "c2VjcmV0LXNlc3Npb24" not in written
    assert "secret=query" not in written
