"""A service's rules: the first match decides, and what no rule speaks of needs a signed-in caller."""

import json

import pytest

from tests import wire
from tests.envoy.rig import Rig

NOBODY, BUYER, CLERK, MANAGER = "nobody", "buyer", "clerk", "manager"
# method, path, and what each of NOBODY, BUYER, CLERK, MANAGER gets.
TABLE = [
    ("GET", "/api/orders", (401, 200, 200, 200)),
    ("POST", "/api/orders/1", (401, 200, 200, 200)),
    ("GET", "/api/orders/open", (200, 200, 200, 200)),
    ("DELETE", "/api/orders/open/deep/er", (200, 200, 200, 200)),
    ("GET", "/api/orders/open?x=/api/orders/reports", (200, 200, 200, 200)),
    ("GET", "/api/orders/openly", (401, 200, 200, 200)),
    ("GET", "/api/orders/reports", (401, 403, 403, 200)),
    ("GET", "/api/orders/reports/x", (401, 403, 403, 200)),
    ("GET", "/api/orders/reports/", (401, 403, 403, 200)),
    ("GET", "/api/orders/reports?x=1", (401, 403, 403, 200)),
    ("HEAD", "/api/orders/reports", (401, 403, 403, 200)),
    ("POST", "/api/orders/reports", (401, 200, 200, 200)),
    ("GET", "/api/orders/reportsx", (401, 200, 200, 200)),
    # Opened by a later rule, but an earlier one has decided.
    ("GET", "/api/orders/reports/daily", (401, 403, 403, 200)),
    ("POST", "/api/orders/reports/daily", (200, 200, 200, 200)),
    ("GET", "/api/orders/any-role", (401, 403, 200, 403)),
    ("PUT", "/api/orders/drop", (401, 403, 403, 200)),
    ("DELETE", "/api/orders/drop", (401, 403, 403, 200)),
    ("PATCH", "/api/orders/drop", (401, 200, 200, 200)),
]


def ask(mesh: Rig, method: str, target: str, who: str, *headers: str) -> wire.Answer:
    """Ask the sidecar, and the edge: both answer alike; gives what the sidecar said."""
    token = [] if who == NOBODY else [f"authorization: Bearer {mesh.forge.good(roles=[who])}"]
    body = [] if method in ("GET", "HEAD") else ["content-length: 0"]
    line = f"{method} {target} HTTP/1.1"
    answers = [
        wire.ask(address, line, "host: shop", *token, *body, *headers)
        for address in (mesh.sidecar(), mesh.edge)
    ]
    assert answers[0].status == answers[1].status, answers
    return answers[0]


@pytest.mark.parametrize(("method", "target", "expected"), TABLE, ids=str)
def test_a_rule_lets_in_whom_it_names(
    mesh: Rig, method: str, target: str, expected: tuple[int, int, int, int]
) -> None:
    """The same at the sidecar and through the edge."""
    for who, status in zip((NOBODY, BUYER, CLERK, MANAGER), expected, strict=True):
        assert ask(mesh, method, target, who).status == status, who


@pytest.mark.parametrize("service", ["orders", "inventory", "lonely"])
def test_a_sidecar_called_directly_without_a_token_answers_401(mesh: Rig, service: str) -> None:
    """On loopback, past the edge: also where the edge has no route, and where nobody wrote a rule."""
    seen = mesh.services[service].seen
    before = len(seen)
    answer = wire.ask(mesh.sidecar(service), "GET /stock HTTP/1.1", "host: x")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="proof"'
    assert json.loads(answer.body)["type"] == "urn:pillion:problem:token-missing"
    assert len(seen) == before


def test_a_refusal_by_a_rule_is_insufficient_scope(mesh: Rig) -> None:
    """RFC 6750, section 3.1: the token is good, and not enough."""
    answer = ask(mesh, "GET", "/api/orders/reports", BUYER)
    assert answer.headers["www-authenticate"].startswith('Bearer realm="proof", error="insufficient_scope"')
    assert json.loads(answer.body)["type"] == "urn:pillion:problem:rule-refused"


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        # Put right before any rule looks: what counts is where it leads.
        ("/api/orders/open/../reports", (401, 403)),
        ("/api/orders/open/./../reports", (401, 403)),
        ("/api/orders/open/%2e%2e/reports", (401, 403)),
        ("/api/orders//reports", (401, 403)),
        ("//api/orders/reports", (401, 403)),
        ("/api/orders/%72eports", (401, 403)),
        ("/api/orders/reports/.", (401, 403)),
        ("/x/../api/orders/reports", (401, 403)),
        ("/api/orders/open/..;/reports", (401, 403)),
        ("/../../api/orders/reports", (401, 403)),
        # Another spelling is another path, which no rule opens.
        ("/api/orders/REPORTS", (401, 200)),
        ("/API/orders/open", (401, 200)),
        ("/api/orders/open%20", (401, 200)),
        ("/api/orders/ope%256e", (401, 200)),
        # Doubtful: refused.
        ("/api/orders/open%2f..%2freports", (400, 400)),
        ("/api/orders/open%5c..%5creports", (400, 400)),
        ("/api/orders/open\\..\\reports", (400, 400, 401, 403)),
        ("/api/orders/open%00", (400, 400)),
        ("/api/orders/reports%0a", (400, 400)),
        ("/api/orders/reports%0A", (400, 400)),
        ("/api/orders/reports%7f", (400, 400)),
        ("/api/orders/reports;x=1", (400, 400)),
        ("/api/orders/reports%3Bx", (400, 400)),
    ],
)
def test_a_path_cannot_be_spelt_past_a_rule(mesh: Rig, target: str, statuses: tuple[int, ...]) -> None:
    """For nobody, and for somebody without the role, at the sidecar."""
    seen = mesh.services["orders"].seen
    for who in (NOBODY, BUYER):
        before = len(seen)
        token = [] if who == NOBODY else [f"authorization: Bearer {mesh.forge.good(roles=[who])}"]
        answer = wire.ask(mesh.sidecar(), f"GET {target} HTTP/1.1", "host: shop", *token)
        allowed = statuses if len(statuses) > 2 else statuses[:1] if who == NOBODY else statuses[1:]
        assert answer.status in allowed, (who, answer)
        assert len(seen) == before + (answer.status == 200)


@pytest.mark.parametrize(
    "line",
    [
        "GET http://elsewhere/api/orders/reports HTTP/1.1",
        "GET http://127.0.0.1/api/orders/open/../reports HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT shop:80 HTTP/1.1",
        "TRACE /api/orders HTTP/1.1",
        "GET /api/orders#/open HTTP/1.1",
        "GET api/orders/open HTTP/1.1",
        "GET /api/orders/open /x HTTP/1.1",
        "get /api/orders/reports HTTP/1.1",
        "G\u00cbT /api/orders/reports HTTP/1.1",
        "GET /api/orders HTTP/1.0",
        "GET /api/orders HTTP/9.9",
        "GET /api/orders",
    ],
)
def test_an_odd_request_line_opens_nothing(mesh: Rig, line: str) -> None:
    """Absolute form, asterisk form, CONNECT, other versions: nobody gets in by them."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    for address in (mesh.sidecar(), mesh.edge):
        answers = wire.exchange(address, wire.lines(line, "host: shop", "connection: close"), (False,))
        assert all(answer.status in (400, 401, 403, 404, 405, 426, 501, 505) for answer in answers), answers
    assert len(seen) == before


def test_a_method_that_nobody_knows_is_refused(mesh: Rig) -> None:
    """It would match no rule that names methods."""
    assert ask(mesh, "BREW", "/api/orders/reports", MANAGER).status == 400


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override"])
def test_a_header_does_not_change_the_method(mesh: Rig, name: str) -> None:
    """What a rule decides is the method on the line."""
    assert ask(mesh, "GET", "/api/orders/reports", BUYER, f"{name}: POST").status == 403
