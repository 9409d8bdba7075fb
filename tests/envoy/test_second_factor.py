"""Rules that ask for a second factor: who has shown one gets in, all others are told how to (RFC 9470)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import wire
from tests.envoy import rig
from tests.envoy.forge import Forge
from tests.envoy.rig import Rig
from tests.local.waiting import until

PAYOUTS, MINE = "/api/orders/payouts", "/api/orders/payouts/mine"
CHALLENGE = (
    'Bearer realm="proof", error="insufficient_user_authentication", '
    'error_description="This asks for a second factor: sign in with one.", acr_values="mfa"'
)
SSO = Forge("https://sso.example/realms/shop", "shop-api")
TRUST = """
trust:
  sso:
    issuer: https://sso.example/realms/shop
    jwks: https://sso.example/realms/shop/certs
    audience: shop-api
    claims: {roles: roles}
"""
SERVICES = """
  orders:
    app: APP
    paths: [/api/orders]
    rules:
      - {path: /api/orders/payouts, methods: [POST], roles: [manager], mfa: true}
      - {path: /api/orders/payouts, mfa: true}
"""


def ask(mesh: Rig, method: str, path: str, token: str | None, *headers: str) -> wire.Answer:
    """Ask the sidecar, and the edge: both say the same; gives what the sidecar said."""
    sent = [f"authorization: Bearer {token}"] if token else []
    body = ["content-length: 0"] if method == "POST" else []
    line = f"{method} {path} HTTP/1.1"
    answers = [
        wire.ask(address, line, "host: shop", *sent, *body, *headers)
        for address in (mesh.sidecar(), mesh.edge)
    ]
    assert answers[0].status == answers[1].status, answers
    for name in ("www-authenticate", "x-pillion-refused"):
        assert answers[0].headers.get(name) == answers[1].headers.get(name)
    return answers[0]


def code(answer: wire.Answer) -> str:
    """Name the problem."""
    return str(json.loads(answer.body)["type"]).removeprefix("urn:pillion:problem:")


def test_who_has_shown_a_second_factor_gets_in(mesh: Rig) -> None:
    """Whatever else stands in `amr`, in whatever order."""
    for amr in (["pwd", "otp", "mfa"], ["mfa", "pop"], ["mfa"]):
        assert ask(mesh, "GET", MINE, mesh.forge.good(amr=amr)).status == 200
        assert ask(mesh, "POST", PAYOUTS, mesh.forge.good(amr=amr, roles=["manager"])).status == 200


@pytest.mark.parametrize(
    "amr",
    [
        ["pwd"],
        [],
        ["pwd", "otp"],
        ["MFA"],
        ["mfa "],
        ["mfa,pwd"],
        [["mfa"]],
        [{"mfa": "mfa"}],
        "mfa",
        "pwd mfa",
        {"mfa": True},
        {"0": "mfa"},
        True,
        1,
        None,
    ],
    ids=str,
)
def test_who_has_not_is_told_what_is_missing(mesh: Rig, amr: Any) -> None:
    """RFC 9470, section 3: 401, to the letter; nothing reaches the service."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    answer = ask(mesh, "GET", MINE, mesh.forge.good(amr=amr))
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["content-type"] == "application/problem+json"
    assert (code(answer), json.loads(answer.body)["status"]) == ("step-up-required", 401)
    assert len(seen) == before


def test_a_token_without_the_claim_shows_no_second_factor(mesh: Rig) -> None:
    """As one of before Pillion said so."""
    answer = ask(mesh, "GET", MINE, mesh.forge.make({"without": ["amr"]}))
    assert (answer.status, code(answer)) == (401, "step-up-required")


def test_a_missing_role_is_said_first(mesh: Rig) -> None:
    """To step up would be in vain: 403, with a second factor and without."""
    for amr in (["pwd"], ["pwd", "otp", "mfa"]):
        answer = ask(mesh, "POST", PAYOUTS, mesh.forge.good(amr=amr, roles=["buyer"]))
        assert (answer.status, code(answer)) == (403, "rule-refused")
    answer = ask(mesh, "POST", PAYOUTS, mesh.forge.good(amr=["pwd"], roles=["manager"]))
    assert (answer.status, code(answer)) == (401, "step-up-required")


def test_nobody_is_asked_to_sign_in_and_a_bad_token_stays_one(mesh: Rig) -> None:
    """Whoever is not known has more to do than to step up."""
    answer = ask(mesh, "GET", MINE, None)
    assert (answer.status, code(answer)) == (401, "token-missing")
    expired = mesh.forge.good(exp=1, amr=["mfa"])
    assert code(ask(mesh, "GET", MINE, expired)) == "token-expired"


def test_other_paths_ask_for_none(mesh: Rig) -> None:
    """By whole segments, as all rules."""
    for path in ("/api/orders/payoutsx", "/api/orders", "/api/orders/open"):
        assert ask(mesh, "GET", path, mesh.forge.good(amr=["pwd"])).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders/open/../payouts",
        "/api/orders//payouts",
        "/api/orders/%70ayouts",
        "/api/orders/payouts/",
        "/api/orders/payouts?x=/api/orders/open",
    ],
)
def test_a_path_cannot_be_spelt_past_a_second_factor(mesh: Rig, path: str) -> None:
    """What counts is where it leads."""
    assert code(ask(mesh, "GET", path, mesh.forge.good(amr=["pwd"]))) == "step-up-required"


def test_a_header_shows_no_second_factor(mesh: Rig) -> None:
    """Neither what looks like Envoy's own word, nor like a claim."""
    for header in ("x-pillion-refused: x", "x-pillion-amr: mfa", "amr: mfa", "x-envoy-amr: mfa"):
        assert ask(mesh, "GET", MINE, mesh.forge.good(amr=["pwd"]), header).status == 401


@pytest.mark.parametrize("header", ["sec-fetch-mode: navigate", "accept: text/html,*/*;q=0.8"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_person_is_sent_to_the_page_where_one_is_shown(mesh: Rig, method: str, header: str) -> None:
    """And back, with the query, from the edge; the sidecar, which knows no pages, says 401."""
    token = mesh.forge.good(amr=["pwd"])
    line = f"{method} {MINE}?a=b&c=/%C3%A9 HTTP/1.1"
    sent = ("host: shop", f"authorization: Bearer {token}", header)
    answer = wire.ask(mesh.edge, line, *sent)
    assert answer.status == 303
    assert (
        answer.headers["location"]
        == "/account/step-up?next=/api/orders/payouts/mine%3Fa%3Db%26c%3D/%25C3%25A9"
    )
    assert answer.headers["x-pillion-refused"] == "step-up-required"
    assert answer.headers["cache-control"] == "no-store"
    assert "www-authenticate" not in answer.headers
    if method == "GET":
        assert (code(answer), json.loads(answer.body)["status"]) == ("step-up-required", 303)
    assert wire.ask(mesh.sidecar(), line, *sent).status == 401


def test_a_person_without_the_role_is_sent_nowhere(mesh: Rig) -> None:
    """There is no page that could help; nor does a form that was posted go anywhere else."""
    page = "sec-fetch-mode: navigate"
    token = f"authorization: Bearer {mesh.forge.good(amr=['pwd'], roles=['buyer'])}"
    assert wire.ask(mesh.edge, "GET /api/orders/reports HTTP/1.1", "host: x", token, page).status == 403
    assert (
        wire.ask(mesh.edge, f"POST {PAYOUTS} HTTP/1.1", "host: x", token, page, "content-length: 0").status
        == 403
    )
    manager = f"authorization: Bearer {mesh.forge.good(amr=['pwd'], roles=['manager'])}"
    assert (
        wire.ask(mesh.edge, f"POST {PAYOUTS} HTTP/1.1", "host: x", manager, page, "content-length: 0").status
        == 401
    )


def test_a_service_cannot_send_anybody_to_that_page(mesh: Rig) -> None:
    """Its own 401, with the sidecar's word in it, stays its own answer."""
    token = f"authorization: Bearer {mesh.forge.good(amr=['pwd'])}"
    told = "x-answer: 401 x-pillion-refused=step-up-required"
    answer = wire.ask(
        mesh.edge, "GET /api/orders/1 HTTP/1.1", "host: x", token, "sec-fetch-mode: navigate", told
    )
    assert (answer.status, answer.headers.get("location")) == (401, None)
    assert "x-pillion-refused" not in answer.headers


def test_the_audit_logs_say_why(mesh: Rig) -> None:
    """The sidecar's, and the edge's that passed its answer on."""
    ask(mesh, "GET", f"{MINE}/audited", mesh.forge.good(amr=["pwd"]))
    until(lambda: len(mesh.audit_lines("orders", "/audited")) == 2, "both requests are logged")
    for line in (*mesh.audit_lines("orders", "/audited"), mesh.audit("edge", "/audited")):
        assert (line["why"], line["status"]) == ("step-up-required", 401)
    assert {line["rule"] for line in mesh.audit_lines("orders", "/audited")} == {"rules[5]"}


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys that trust another issuer."""
    folder = tmp_path_factory.mktemp("trust")
    with rig.running(folder, SERVICES, trust=(TRUST, {"sso": SSO})) as started:
        yield started


def test_another_issuers_second_factor_is_not_ours(trusting: Rig) -> None:
    """Nobody here has looked at what it takes for one: its users are refused, whatever its tokens say."""
    for claims in ({"amr": ["pwd", "otp", "mfa"]}, {"amr": ["mfa"], "acr": "mfa"}, {}):
        token = SSO.good(roles=["manager"], **claims)
        for method in ("GET", "POST"):
            answer = ask(trusting, method, PAYOUTS, token)
            assert (answer.status, code(answer)) == (401, "step-up-required")
    assert ask(trusting, "GET", "/api/orders", SSO.good()).status == 200
    assert ask(trusting, "GET", PAYOUTS, trusting.forge.good(amr=["mfa"])).status == 200
    assert code(ask(trusting, "POST", PAYOUTS, SSO.good(roles=["buyer"], amr=["mfa"]))) == "rule-refused"
