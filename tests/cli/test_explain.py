"""`pillion check --explain`, as a user sees it; without accounts, nothing has to be there but the file."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.in_process import pillion

TOPOLOGY = """\
mesh: shop
trust:
  sso:
    issuer: https://sso.example
    jwks: https://sso.example/keys
    audience: shop
    claims: {scope: scp}
services:
  orders:
    app: 127.0.0.1:7001
    paths: [/api/orders]
    calls: [inventory]
    rules:
      - {path: /api/orders/health, allow: anyone}
      - {path: /api/orders/reports, methods: [GET], roles: [manager, owner]}
      - {path: /api/orders/payouts, scopes: [pay], claims: {tier: [gold, 7]}, mfa: true}
  inventory:
    app: 127.0.0.1:7002
    rules:
      - {path: /stock, methods: [POST], callers: [orders]}
"""
REFUSED = """\
GET /api/orders/x/../reports?a=b, as somebody
to the rules it is /api/orders/reports
goes to orders, whose rules are tried in order:
  rules[0]    any method /api/orders/health and below  another path
  rules[1]    GET, HEAD /api/orders/reports and below  decides
      has    a valid token
      lacks  the role manager or owner

403 rule-refused by orders, after rules[1]: the role manager or owner is missing
"""
SIGN_IN = """\
PUT /api/orders/reports, as anyone
goes to orders, whose rules are tried in order:
  rules[0]    any method /api/orders/health and below   another path
  rules[1]    GET, HEAD /api/orders/reports and below   other methods
  rules[2]    any method /api/orders/payouts and below  another path
  default     any method / and below                    decides
      lacks  a valid token

401 token-missing by edge, after default: a valid token is missing
a person in a browser is sent to sign in (303)
"""


@pytest.fixture(autouse=True)
def topology(own_folder: Path) -> None:
    """Write the topology down."""
    (own_folder / "pillion.yaml").write_text(TOPOLOGY)


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> dict[str, Any]:
    """Ask for JSON."""
    assert pillion(monkeypatch, "check", "--json", "--explain", *arguments) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("GET", "/api/orders/x/../reports?a=b", "--role", "buyer"), REFUSED),
        (("PUT", "/api/orders/reports"), SIGN_IN),
    ],
)
def test_it_says_which_rule_decides_and_why(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    assert pillion(monkeypatch, "check", "--explain", *arguments) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("arguments", "status", "code", "by", "rule"),
    [
        (("GET", "/api/orders/health"), 200, None, "orders", "rules[0]"),
        (("GET", "/api/orders/reports", "--role", "owner"), 200, None, "orders", "rules[1]"),
        (("GET", "/api/orders/reports", "--mfa"), 403, "rule-refused", "orders", "rules[1]"),
        (("GET", "/api/ordersx"), 404, "path-unknown", "edge", None),
        (("GET", "/API/orders/health"), 404, "path-unknown", "edge", None),
        (("GET", "/api/orders;x/health"), 400, "request-malformed", "edge", None),
        (("GET", "/sign-in"), 200, None, "identity", None),
        (("GET", "/me"), 401, "token-missing", "edge", None),
        (("GET", "/me", "--mfa"), 200, None, "identity", None),
        (("POST", "http://inventory/stock", "--caller", "orders"), 200, None, "inventory", "rules[0]"),
        (("POST", "http://orders/x", "--caller", "inventory"), 403, "peer-not-called", "inventory", None),
        (
            ("POST", "http://inventory/a%2fb", "--caller", "orders"),
            400,
            "request-malformed",
            "orders",
            None,
        ),
        (("POST", "http://inventory/a;b", "--caller", "orders"), 400, "request-malformed", "inventory", None),
        (("GET", "http://inventory", "--caller", "orders"), 200, None, "inventory", "default"),
    ],
)
def test_it_says_what_the_caller_gets(  # noqa: PLR0913, PLR0917 - a table's columns
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    code: str | None,
    by: str,
    rule: str | None,
) -> None:
    document = said(monkeypatch, capsys, *arguments)
    assert (document["status"], document["code"], document["by"], document["rule"]) == (
        status,
        code,
        by,
        rule,
    )
    assert document["allowed"] == (code is None)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"sub": "a", "scope": "pay", "tier": ["gold"], "amr": ["mfa"]}, None),
        ({"sub": "a", "scope": "pay", "tier": 7, "amr": ["pwd"]}, "step-up-required"),
        ({"sub": "a", "scope": "pays", "tier": 7, "amr": ["mfa"]}, "scope-missing"),
        ({"sub": "a", "scope": "pay", "tier": "7", "amr": ["mfa"]}, "rule-refused"),
        ({"scope": "pay", "tier": 7, "amr": ["mfa"]}, "token-missing"),
        # Another issuer's token: neither its tier is mapped, nor is it believed of a second factor.
        (
            {"iss": "https://sso.example", "sub": "a", "scp": ["pay"], "tier": 7, "amr": ["mfa"]},
            "rule-refused",
        ),
    ],
)
def test_it_takes_what_a_token_says(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_folder: Path,
    claims: dict[str, Any],
    code: str | None,
) -> None:
    (own_folder / "claims.json").write_text(json.dumps(claims))
    found = said(monkeypatch, capsys, "GET", "/api/orders/payouts", "--claims", "claims.json")
    assert found["code"] == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--role", "manager"), "go with --explain"),
        (("--explain", "get", "/"), "'get' is no method that a rule can name; did you mean 'GET'?"),
        (("--explain", "GET", "api"), "'api' is no path as it goes over the wire"),
        (("--explain", "GET", "/a b"), "'/a b' is no path"),
        (("--explain", "GET", "/a%zz"), "'/a%zz' is no path"),
        (
            ("--explain", "GET", "/", "--caller", "order"),
            "no service is named 'order'; did you mean 'orders'?",
        ),
        (("--explain", "GET", "/", "--caller", "orders"), "write what it calls, as http://inventory/"),
        (("--explain", "GET", "https://inventory/", "--caller", "orders"), "write what it calls"),
        (("--explain", "GET", "/", "--as", "a@b.example", "--role", "x"), "leave --role out"),
        (("--explain", "GET", "/", "--as", "anyone", "--mfa"), "leave --scope and --mfa out"),
        (("--explain", "GET", "/", "--claims", "none.json"), "none.json"),
        (("--explain", "GET", "/", "--claims", "pillion.yaml"), "one JSON object"),
        (("--explain", "GET", "/", "--claims", "other.json"), 'no issuer "https://other.example" is trusted'),
    ],
)
def test_what_cannot_be_asked_is_said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_folder: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    (own_folder / "other.json").write_text('{"iss": "https://other.example"}')
    assert pillion(monkeypatch, "check", *arguments) == 2
    assert message in capsys.readouterr().err


def test_nothing_is_written_and_an_account_cannot_be_known_where_nothing_ran(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], own_folder: Path
) -> None:
    assert pillion(monkeypatch, "check", "--explain", "GET", "/", "--as", "ada@example.com") == 1
    assert "Describe somebody by --role" in capsys.readouterr().err
    assert [path.name for path in own_folder.iterdir()] == ["pillion.yaml"]
