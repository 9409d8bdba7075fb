"""Nobody but the sidecar says to a service who is calling."""

import json
from collections.abc import Sequence

import pytest

from pillion.envoy.early_headers import FOREIGN_NAMES, FOREIGN_PREFIXES
from tests import wire
from tests.envoy.rig import Rig
from tests.wire import Address

PROTECTED, OPEN = "/api/orders/1", "/api/orders/open/1"
FORGED = "mallory"
TRUE = {
    "x-pillion-user": "2f1c0c5e-6a1b-4b0e-9a52-2f0f6b1d8a11",
    "x-pillion-email": "ada@example.com",
    "x-pillion-roles": "buyer,manager",
    "x-pillion-sid": "b2a9f3f0-52a4-4c3e-8a57-6d1f6c1f2f10",
}
SPELLINGS = (
    "x-pillion-user",
    "X-PILLION-USER",
    "X-Pillion-User",
    "x-pillion-roles",
    "x-pillion-email",
    "x-pillion-claims",
    "x-pillion-sid",
    "x-pillion-jti",
    "x-pillion-session",
    "x-pillion-token",
    "x-pillion-next",
    "x-pillion-refused",
    "x-pillion-anything",
    "x-pillion-roles-list",
    "x.pillion.user",
    "x-pillion.user",
    "x.pillion-user",
    "X.Pillion-User",
    "x-envoy-original-path",
    "x-envoy-auth-failure-mode-allowed",
    "remote-user",
    *FOREIGN_NAMES,
    *(f"{prefix}user" for prefix in FOREIGN_PREFIXES),
)


def received(address: Address, path: str, *headers: str) -> list[tuple[str, str]]:
    """Ask, and give the headers that reached the service."""
    answer = wire.ask(address, f"GET {path} HTTP/1.1", "host: shop", "accept: */*", *headers)
    assert answer.status == 200, answer
    return [(name, value) for name, value in json.loads(answer.body)["headers"]]


def identity(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Give the headers that say who is calling; there is one of each."""
    found = [(name, value) for name, value in headers if name in TRUE]
    assert len(dict(found)) == len(found), found
    return dict(found)


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_forged_header_never_arrives(mesh: Rig, name: str) -> None:
    """On an open path without a token there is none, with a token the true ones; edge and sidecar alike."""
    good = f"authorization: Bearer {mesh.forge.good()}"
    for address in (mesh.sidecar(), mesh.edge):
        for forged in ([f"{name}: {FORGED}"], [f"{name}: {FORGED}", f"{name}: {FORGED}"]):
            headers = received(address, OPEN, *forged)
            assert identity(headers) == {}
            assert FORGED not in str(headers)
            for path in (OPEN, PROTECTED):
                headers = received(address, path, good, *forged)
                assert identity(headers) == TRUE
                assert FORGED not in str(headers)


@pytest.mark.parametrize("name", ["x_pillion_user", "X_Pillion_User", "x-pillion_user", "x_anything"])
def test_a_header_with_an_underscore_is_refused(mesh: Rig, name: str) -> None:
    """To a WSGI or CGI service it is another spelling of the one with dashes (CVE-2025-64484)."""
    for address in (mesh.sidecar(), mesh.edge):
        answer = wire.ask(address, f"GET {OPEN} HTTP/1.1", "host: shop", f"{name}: {FORGED}")
        assert answer.status == 400
        assert json.loads(answer.body)["type"] == "urn:pillion:problem:request-malformed"


@pytest.mark.parametrize(
    "name", ["x-pillion-user ", "x-pillion-user\t", " x-pillion-user", "x-pillion-user\x00"]
)
def test_a_header_whose_name_is_not_one_is_refused(mesh: Rig, name: str) -> None:
    """RFC 9112, section 5.1: no white space before the colon."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    for address in (mesh.sidecar(), mesh.edge):
        request = wire.lines(f"GET {OPEN} HTTP/1.1", "host: shop", f"{name}: {FORGED}")
        answers = wire.exchange(address, request)
        assert [answer.status for answer in answers] in ([], [400])
    assert len(seen) == before


@pytest.mark.parametrize("named", ["x-pillion-user", "x-pillion-roles, x-pillion-claims", "x-request-id"])
def test_connection_takes_no_identity_away(mesh: Rig, named: str) -> None:
    """`Connection` names headers for one hop (RFC 9110, section 7.6.1); the sidecar's own come after that."""
    good = f"authorization: Bearer {mesh.forge.good()}"
    for address in (mesh.sidecar(), mesh.edge):
        answer = wire.ask(
            address, f"GET {PROTECTED} HTTP/1.1", "host: shop", good, f"connection: keep-alive, {named}"
        )
        if answer.status == 200:
            assert identity([(n, v) for n, v in json.loads(answer.body)["headers"]]) == TRUE
        else:
            assert answer.status == 400


def test_connection_that_names_authorization_leaves_nobody(mesh: Rig) -> None:
    """Envoy takes the header away before it is looked at: 401, never a request without a check."""
    good = f"authorization: Bearer {mesh.forge.good()}"
    for address in (mesh.sidecar(), mesh.edge):
        request = (f"GET {PROTECTED} HTTP/1.1", "host: shop", good, "connection: authorization")
        assert wire.ask(address, *request).status in (400, 401)


def test_trailers_say_nothing(mesh: Rig) -> None:
    """A trailer (RFC 9110, section 6.5) comes after the decision: the service gets the body, and no trailer."""
    good = f"authorization: Bearer {mesh.forge.good()}"
    head = (f"POST {PROTECTED} HTTP/1.1", "host: shop", good, "transfer-encoding: chunked")
    body = f"2\r\nhi\r\n0\r\nx-pillion-user: {FORGED}\r\n\r\n".encode()
    for address in (mesh.sidecar(), mesh.edge):
        [answer] = wire.exchange(address, wire.lines(*head) + body)
        assert answer.status == 200, answer
        told = json.loads(answer.body)
        assert (told["body"], told["trailers"]) == ("hi", [])
        assert identity([(name, value) for name, value in told["headers"]]) == TRUE
        assert FORGED not in answer.body.decode()


def test_the_claims_are_the_payload_and_the_token_goes_along(mesh: Rig) -> None:
    """What a service reads, and what it forwards."""
    token = mesh.forge.good()
    for address in (mesh.sidecar(), mesh.edge):
        headers = dict(received(address, PROTECTED, f"authorization: Bearer {token}"))
        assert headers["authorization"] == f"Bearer {token}"
        assert headers["x-pillion-claims"].rstrip("=") == token.split(".")[1]
        assert headers["x-request-id"]


@pytest.mark.parametrize(("roles", "header"), [([], None), (["a"], "a"), (["b", "a.b:c-d_e"], "b,a.b:c-d_e")])
def test_roles_are_comma_separated(mesh: Rig, roles: list[str], header: str | None) -> None:
    """In the token's order; nobody's roles are no header."""
    headers = dict(
        received(mesh.sidecar(), PROTECTED, f"authorization: Bearer {mesh.forge.good(roles=roles)}")
    )
    assert headers.get("x-pillion-roles") == header


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\0"])
@pytest.mark.parametrize("name", ["email", "sub", "sid", "jti", "roles", "scope"])
def test_no_claim_can_become_a_header_of_its_own(mesh: Rig, name: str, ending: str) -> None:
    """CWE-113: an email address is what somebody typed. The request is refused, or the text stays text."""
    text = f"a{ending}x-pillion-user: {FORGED}"
    token = mesh.forge.make({"claims": {name: [text] if name == "roles" else text}})
    for address in (mesh.sidecar(), mesh.edge):
        answer = wire.ask(
            address, f"GET {PROTECTED} HTTP/1.1", "host: shop", f"authorization: Bearer {token}"
        )
        if answer.status == 200:
            headers = [(header, value) for header, value in json.loads(answer.body)["headers"]]
            assert [value for header, value in headers if header == "x-pillion-user"] == [
                TRUE["x-pillion-user"]
            ]
        else:
            # An email address: Envoy makes the header, and then refuses to send it.
            assert answer.status == (503 if name == "email" else 401)


@pytest.mark.parametrize(
    "roles", ["manager", {"manager": True}, [["manager"]], ["[manager]"], [{"a": "manager"}]]
)
def test_a_role_counts_only_as_a_string_in_a_list(mesh: Rig, roles: object) -> None:
    """Identity writes nothing else; should a token hold another form, no rule takes it for the role."""
    bearer = f"authorization: Bearer {mesh.forge.good(roles=roles)}"
    answer = wire.ask(mesh.sidecar(), "GET /api/orders/reports HTTP/1.1", "host: shop", bearer)
    assert answer.status == 403


def test_a_role_with_a_comma_is_no_second_role(mesh: Rig) -> None:
    """Identity makes no such role; should a token hold one, the rules compare it whole."""
    token = mesh.forge.good(roles=["buyer,clerk"])
    answer = wire.ask(
        mesh.sidecar(), "GET /api/orders/any-role HTTP/1.1", "host: shop", f"authorization: Bearer {token}"
    )
    assert answer.status == 403
