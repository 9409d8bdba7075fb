"""Tokens of other issuers: good ones are let in under their issuer's name, and no issuer speaks for another."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from pillion.envoy.known import NO_KEY
from tests import wire
from tests.envoy import rig
from tests.envoy.forge import SUB, Forge
from tests.envoy.rig import Rig
from tests.wire import Address

TRUST = """
trust:
  sso:
    issuer: https://sso.example/realms/shop
    jwks: https://sso.example/realms/shop/certs
    audience: shop-api
    claims: {email: email, roles: realm_access.roles}
  cloud:
    issuer: https://cloud.example/
    jwks: https://cloud.example/keys
    audience: https://shop.example/api
    claims: {user: oid, roles: https://shop.example/roles}
  silent:
    issuer: https://silent.example
    jwks: https://silent.example/keys
    audience: shop-api
  odd:
    issuer: https://odd.example
    jwks: https://odd.example/keys
    audience: shop-api
"""
SERVICES = """
  orders:
    app: APP
    paths: [/api/orders]
    rules:
      - {path: /api/orders/open, allow: anyone}
      - {path: /api/orders/reports, roles: [manager]}
"""
SSO = Forge("https://sso.example/realms/shop", "shop-api")
CLOUD = Forge("https://cloud.example/", "https://shop.example/api")
SILENT = Forge("https://silent.example", "shop-api")


class _OddForge(Forge):
    """Publishes a key that Envoy does not take: its exponent is 5."""

    def jwk(self) -> dict[str, str]:
        return {**super().jwk(), "e": "BQ"}


ODD = _OddForge("https://odd.example", "shop-api")
PROTECTED, OPEN, REPORTS = "/api/orders/1", "/api/orders/open/1", "/api/orders/reports"


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys that trust four issuers; of one no key is known, of one none that Envoy takes."""
    folder = tmp_path_factory.mktemp("trust")
    with rig.running(folder, SERVICES, trust=(TRUST, {"sso": SSO, "cloud": CLOUD, "odd": ODD})) as started:
        yield started


def ask(address: Address, path: str, token: str, *headers: str) -> wire.Answer:
    """Ask as a program does."""
    return wire.ask(
        address,
        f"GET {path} HTTP/1.1",
        "host: shop",
        "accept: */*",
        f"authorization: Bearer {token}",
        *headers,
    )


def reached(mesh: Rig, token: str, path: str = PROTECTED) -> dict[str, str]:
    """Be let in by the sidecar and through the edge; gives the headers that the service got."""
    headers: list[dict[str, str]] = []
    for address in (mesh.sidecar(), mesh.edge):
        answer = ask(address, path, token, "x-pillion-user: root", "x-pillion-roles: manager")
        assert answer.status == 200, (address, answer)
        headers.append(dict(json.loads(answer.body)["headers"]))
    names = [{n: v for n, v in one.items() if n.startswith("x-pillion-")} for one in headers]
    assert names[0] == names[1]
    assert all(one["authorization"] == f"Bearer {token}" for one in headers)
    return names[0]


def refused(mesh: Rig, token: str, code: str = "token-invalid") -> None:
    """Be refused at both, on protected and on open paths, and never reach the service."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    for address in (mesh.sidecar(), mesh.edge):
        for path in (PROTECTED, OPEN):
            answer = ask(address, path, token)
            assert answer.status == 401, (address, path, answer)
            assert json.loads(answer.body)["type"] == f"urn:pillion:problem:{code}"
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert len(seen) == before


def test_a_caller_of_another_issuer_is_named_after_it(mesh: Rig) -> None:
    """And what the topology maps is told, and nothing else."""
    token = SSO.good(realm_access={"roles": ["buyer", "manager"]}, jti="t-1")
    assert reached(mesh, token) == {
        "x-pillion-user": f"sso:{SUB}",
        "x-pillion-email": "ada@example.com",
        "x-pillion-roles": "buyer,manager",
        "x-pillion-jti": "t-1",
    }


def test_claims_may_lie_under_a_url_and_the_user_elsewhere(mesh: Rig) -> None:
    """Auth0 writes custom claims so; Entra's stable user id is `oid`. No email is mapped: none is told."""
    claims = {"oid": "0-1", "jti": "t-2", "https://shop.example/roles": ["clerk"]}
    token = CLOUD.make({"claims": claims})
    assert reached(mesh, token) == {
        "x-pillion-user": "cloud:0-1",
        "x-pillion-roles": "clerk",
        "x-pillion-jti": "t-2",
    }


def test_our_own_tokens_are_as_good_as_before(mesh: Rig) -> None:
    """With all that they say."""
    headers = reached(mesh, mesh.forge.good(), REPORTS)
    assert headers["x-pillion-user"] == SUB
    assert headers["x-pillion-roles"] == "buyer,manager"
    assert headers["x-pillion-claims"]


def test_rules_ask_for_the_roles_that_the_issuer_gives(mesh: Rig) -> None:
    """By the mapped claim alone: our own claim `roles` means nothing in another issuer's token."""
    assert "x-pillion-user" in reached(mesh, SSO.good(realm_access={"roles": ["manager"]}), REPORTS)
    for token in (
        SSO.good(realm_access={"roles": ["buyer"]}, roles=["manager"]),
        SSO.good(realm_access={"roles": "manager"}),
        SSO.good(realm_access={"roles": ["buyer,manager"]}),
        SSO.good(),
        CLOUD.good(oid="1", realm_access={"roles": ["manager"]}, roles=["manager"]),
    ):
        for address in (mesh.sidecar(), mesh.edge):
            answer = ask(address, REPORTS, token)
            assert answer.status == 403, answer
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["a", "b,manager", "c"], "a,c"),
        (["a b", "c\n", "é", "d"], "d"),
        ([1, {"x": "y"}, ["z"], "e"], "e"),
        (["Order-Manager", "urn:x/y"], "Order-Manager,urn:x/y"),
        (["b,manager"], None),
        ({"0": "manager", "1": "x"}, None),
        ("manager", None),
        ([], None),
    ],
    ids=str,
)
def test_a_role_that_would_be_read_as_something_else_is_not_told(
    mesh: Rig, given: Any, told: str | None
) -> None:
    """A comma would make two roles of one."""
    assert reached(mesh, SSO.good(realm_access={"roles": given})).get("x-pillion-roles") == told


@pytest.mark.parametrize("email", ["a@b\r\nx-pillion-roles: root", "é@example.com", 7, ["a@b"], "", None])
def test_an_email_that_is_none_is_not_told(mesh: Rig, email: Any) -> None:
    """It would not arrive as it is, or be a header of its own."""
    assert "x-pillion-email" not in reached(mesh, SSO.good(email=email))


@pytest.mark.parametrize(
    "recipe",
    [
        {"claims": {"iss": "https://cloud.example/"}},
        {"claims": {"iss": "https://sso.example/realms/shop/"}},
        {"claims": {"iss": "https://sso.example/realms/other"}},
        {"claims": {"iss": "https://silent.example"}},
        {"without": ["iss"]},
        {"claims": {"aud": "proof"}},
        {"claims": {"aud": "shop-api/"}},
        {"claims": {"aud": "https://shop-api"}},
        {"claims": {"aud": ["another"]}},
        {"without": ["aud"]},
        {"without": ["exp"]},
        {"claims": {"exp": {"now": 2 * 86400}}},
        {"claims": {"nbf": {"now": 60}}},
        {"without": ["sub"]},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 7}},
        {"claims": {"sub": ["ada"]}},
        {"claims": {"sub": "ada lovelace"}},
        {"claims": {"sub": "ada\r\nx-pillion-roles: root"}},
        {"claims": {"sub": "ad\u0430"}},
        {"header": {"crit": ["b64"], "b64": False}},
        {"header": {"jku": "https://evil.example/keys"}},
        {"header": {"jwk": "<our-jwk>"}},
        {"header": {"typ": "logout+jwt"}},
        {"header": {"typ": "dpop+jwt"}},
        {"header": {"typ": 1}},
        {"header": {"kid": "another"}},
        {"sign": "other-rsa"},
        {"sign": "zeros"},
    ],
    ids=str,
)
def test_a_bad_token_of_a_trusted_issuer_is_refused(mesh: Rig, recipe: dict[str, Any]) -> None:
    """Signed with the issuer's own key, but for the last ones."""
    refused(mesh, SSO.make(recipe))


def test_an_expired_one_is_told_that_it_is(mesh: Rig) -> None:
    """As with our own."""
    refused(mesh, SSO.good(exp={"now": -60}), "token-expired")
    refused(mesh, CLOUD.good(oid="1", exp={"now": -60}), "token-expired")
    refused(mesh, mesh.forge.good(exp={"now": -60}), "token-expired")


def test_no_issuer_speaks_for_another(mesh: Rig) -> None:
    """Neither with its own key under the other's name, nor under the other's key id."""
    ours = mesh.forge
    for key, named in ((SSO, ours), (CLOUD, SSO), (ours, SSO), (SILENT, SSO)):
        claims = {"iss": named.issuer, "aud": named.audience, "oid": "1"}
        for kid in (key.kid, named.kid):
            refused(mesh, key.make({"header": {"kid": kid}, "claims": claims}))


def test_a_token_for_two_audiences_and_one_issuer_is_that_issuers(mesh: Rig) -> None:
    """Naming our audience too makes nobody ours."""
    headers = reached(mesh, SSO.good(aud=["proof", "shop-api"], client_id="edge"))
    assert headers["x-pillion-user"].startswith("sso:")
    assert "x-pillion-sid" not in headers


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "application/at+jwt", "AT+JWT", "jwt"])
def test_an_access_token_may_have_any_usual_type(mesh: Rig, typ: str) -> None:
    """Media types are compared without case (RFC 7515, section 4.1.9)."""
    reached(mesh, SSO.good({"typ": typ}))


def test_an_access_token_may_have_no_type_and_no_ids(mesh: Rig) -> None:
    """RFC 9068 is not what they all follow."""
    recipe = {"without_header": ["typ"], "without": ["jti", "sid", "client_id", "email", "roles", "iat"]}
    assert reached(mesh, SSO.make(recipe)).keys() == {"x-pillion-user"}


def test_of_an_issuer_whose_keys_are_not_known_nothing_is_taken(mesh: Rig) -> None:
    """Also not what claims to be signed with the key that stands in their place."""
    refused(mesh, SILENT.good())
    refused(mesh, SILENT.good({"alg": NO_KEY["alg"], "kid": NO_KEY["kid"]}))
    refused(mesh, SILENT.make({"header": {"alg": "EdDSA", "kid": NO_KEY["kid"]}, "sign": "zeros"}))


def test_an_issuer_whose_keys_envoy_does_not_take_harms_nobody_but_itself(mesh: Rig) -> None:
    """A set without a key that it takes, Envoy refuses, and with it those of all others."""
    refused(mesh, ODD.good())
    assert reached(mesh, SSO.good())["x-pillion-user"] == f"sso:{SUB}"


def test_nobody_chose_the_key_that_stands_where_none_is_known() -> None:
    """A digest: whoever wanted its private half would have to find it."""
    digest = hashlib.sha256(b"pillion: no key is known").digest()
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == NO_KEY["x"]


def test_the_cookie_is_identitys_alone(mesh: Rig) -> None:
    """Another issuer's token in it makes nobody of its bearer."""
    for token in (SSO.good(), CLOUD.good(oid="1")):
        cookie = f"cookie: pillion-token={token}"
        answer = wire.ask(mesh.edge, f"GET {PROTECTED} HTTP/1.1", "host: shop", "accept: */*", cookie)
        assert answer.status == 401
        assert json.loads(answer.body)["type"] == "urn:pillion:problem:token-missing"
        answer = wire.ask(mesh.edge, f"GET {OPEN} HTTP/1.1", "host: shop", "accept: */*", cookie)
        assert answer.status == 200
        assert not [n for n, _ in json.loads(answer.body)["headers"] if n.startswith("x-pillion-")]


def test_the_audit_log_names_the_caller_and_the_issuer_that_was_refused(mesh: Rig) -> None:
    """Who it was, at the edge and at the sidecar; and whose token it was that was no good."""
    ask(mesh.edge, "/api/orders/audited", SSO.good(jti="t-9"))
    for workload in ("edge", "orders"):
        line = mesh.audit(workload, "/api/orders/audited")
        assert (line["sub"], line["jti"], line["sid"]) == (
            f"sso:{SUB}",
            "t-9",
            None,
        )
    ask(mesh.sidecar(), "/api/orders/nameless", SSO.make({"without": ["sub"]}))
    details = mesh.audit("orders", "/api/orders/nameless")["details"]
    assert details == "rbac_access_denied_matched_policy[token-user-of-sso]"
