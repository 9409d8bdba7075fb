"""Rules that ask for scopes and claims: who gets in, and what all others are told (RFC 6750, section 3.1)."""

import json
from typing import Any

import pytest

from tests import wire
from tests.envoy.rig import Rig
from tests.local.waiting import until

EXPORT, ALL, SALES = "/api/orders/export", "/api/orders/all", "/api/orders/sales"


def ask(mesh: Rig, path: str, **claims: Any) -> wire.Answer:
    """Ask the sidecar, and the edge: both say the same; gives what the edge said."""
    token = f"authorization: Bearer {mesh.forge.good(**claims)}"
    answers = [
        wire.ask(address, f"GET {path} HTTP/1.1", "host: shop", token)
        for address in (mesh.sidecar(), mesh.edge)
    ]
    for name in ("www-authenticate", "x-pillion-refused"):
        assert answers[0].headers.get(name) == answers[1].headers.get(name)
    assert answers[0].status == answers[1].status
    return answers[1]


def test_a_missing_scope_is_said_with_all_that_the_rule_asks_for(mesh: Rig) -> None:
    """To the letter: a client asks for these words next time."""
    answer = ask(mesh, EXPORT, scope="openid orders:read")
    assert answer.status == 403
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="proof", error="insufficient_scope", '
        'error_description="The token was not granted a scope that this asks for.", '
        'scope="orders:read orders:write"'
    )
    problem = json.loads(answer.body)
    assert (problem["type"], problem["status"]) == ("urn:pillion:problem:scope-missing", 403)


def test_the_audit_logs_say_so_and_name_the_rule(mesh: Rig) -> None:
    """The sidecar's; the edge's has the word that passed through."""
    ask(mesh, f"{EXPORT}/export-audited", scope="openid")
    until(lambda: len(mesh.audit_lines("orders", "/export-audited")) == 2, "both requests are logged")
    for line in mesh.audit_lines("orders", "/export-audited"):
        assert (line["why"], line["status"], line["rule"]) == ("scope-missing", 403, "rules[8]")
    assert mesh.audit("edge", "/export-audited")["why"] == "scope-missing"


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("orders:read orders:write", 200),
        ("orders:write orders:read openid", 200),
        ("orders:write  orders:read", 200),
        ("orders:read", 403),
        ("orders:read orders:writes", 403),
        ("orders:read xorders:write", 403),
        ("orders:read,orders:write", 403),
        ("orders:read\torders:write", 403),
        ("orders:read\norders:write", 403),
        ("ORDERS:READ ORDERS:WRITE", 403),
        ("orders", 403),
        ("orders:.* orders:write", 403),
        ("", 403),
        (["orders:read", "orders:write"], 403),
        ({"orders:read": "orders:write"}, 403),
        (None, 403),
        (7, 403),
    ],
    ids=repr,
)
def test_scopes_are_whole_words_and_all_are_needed(mesh: Rig, scope: Any, status: int) -> None:
    """Our own tokens have a text, whatever else may be called `scope`."""
    assert ask(mesh, EXPORT, scope=scope).status == status


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({}, None),
        ({"roles": ["buyer"]}, "rule-refused"),
        ({"department": "Sales"}, "rule-refused"),
        ({"roles": ["buyer"], "scope": "", "amr": []}, "rule-refused"),
        ({"scope": "openid"}, "scope-missing"),
        ({"scope": "openid", "amr": ["pwd"]}, "scope-missing"),
        ({"amr": ["pwd"]}, "step-up-required"),
    ],
    ids=repr,
)
def test_what_the_caller_can_do_least_about_is_said_first(
    mesh: Rig, claims: dict[str, Any], code: str | None
) -> None:
    """To ask for a scope, or to step up, would be in vain for who has not the role."""
    all_right = {"roles": ["manager"], "department": "sales", "scope": "orders:read", "amr": ["pwd", "mfa"]}
    assert ask(mesh, ALL, **{**all_right, **claims}).headers.get("x-pillion-refused") == code


@pytest.mark.parametrize(
    ("department", "status"),
    [
        *((value, 200) for value in ("sales", 7, 7.0, True, ["it", "sales"], [7], [True])),
        *((value, 403) for value in ("Sales", "sales ", "7", 1, 7.5, "true", False, None, "", [], ["7"])),
        *((value, 403) for value in ({"sales": "sales"}, [["sales"]], "sales,7", {"department": "sales"})),
    ],
    ids=repr,
)
def test_a_claim_is_just_that_value_or_a_list_with_it(mesh: Rig, department: Any, status: int) -> None:
    assert ask(mesh, SALES, department=department, act={"sub": "c4c1"}).status == status


@pytest.mark.parametrize("act", [{"sub": "c4c2"}, "c4c1", {"sub": {"sub": "c4c1"}}, [{"sub": "c4c1"}], None])
def test_every_claim_of_a_rule_is_needed(mesh: Rig, act: Any) -> None:
    assert ask(mesh, SALES, department="sales", act=act).status == 403
    assert ask(mesh, SALES, department="sales", **{"act.sub": "c4c1"}).status == 403


def test_a_header_shows_no_scope_and_no_claim(mesh: Rig) -> None:
    """Neither what looks like a claim, nor like what the sidecar tells a service."""
    token = f"authorization: Bearer {mesh.forge.good(scope='openid')}"
    for header in (
        "scope: orders:read orders:write",
        "x-pillion-claims: e30",
        "x-pillion-scope: orders:read",
    ):
        assert wire.ask(mesh.sidecar(), f"GET {EXPORT} HTTP/1.1", "host: x", token, header).status == 403
