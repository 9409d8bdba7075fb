"""Every bad token is refused: at the sidecar, at the edge, in the header and in the cookie."""

import json
from pathlib import Path
from typing import Any

import pytest

from pillion.vocabulary import HEADER_PREFIX
from tests import wire
from tests.envoy.rig import Rig
from tests.local.waiting import until
from tests.wire import Address

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "bad_tokens.json").read_text(encoding="utf-8")
)
BAD = ("token-invalid", "token-expired")
PROTECTED, OPEN = "/api/orders/1", "/api/orders/open/1"


def get(address: Address, path: str, *headers: str) -> wire.Answer:
    """Ask as a program does."""
    return wire.ask(address, f"GET {path} HTTP/1.1", "host: shop", "accept: */*", *headers)


def sent_in_header(vector: dict[str, Any], token: str) -> list[str]:
    """Write the Authorization headers of a vector."""
    return [
        f"authorization: {written.replace('<token>', token)}"
        for written in vector.get("authorization", ["Bearer <token>"])
    ]


def assert_refused(answer: wire.Answer, vector: dict[str, Any], *codes: str) -> None:
    """Look at status, challenge and problem."""
    assert answer.status in vector.get("status", [401]), answer
    assert answer.headers["content-type"] == "application/problem+json"
    if answer.status == 401:
        assert answer.headers["www-authenticate"].startswith('Bearer realm="proof"')
        code = json.loads(answer.body)["type"].removeprefix("urn:pillion:problem:")
        assert code in codes
        invalid = 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert invalid == (code != "token-missing")


def as_cookie(vector: dict[str, Any]) -> str:
    """Say what becomes of the token as a cookie: `overlooked` as a stale one, `refused`, or it `cannot` be one."""
    if "status" in vector:
        return "refused"
    stale = vector["by"] in ("jwt_authn", "token-shape")
    kind: str = vector.get("cookie", "overlooked" if stale else "refused")
    return "cannot" if vector["group"] == "scheme" else kind


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_bad_token_is_refused(mesh: Rig, vector: dict[str, Any]) -> None:
    """In the header, at the sidecar and at the edge, on protected and on open paths."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    headers = sent_in_header(vector, mesh.forge.make(vector))
    for address in (mesh.sidecar(), mesh.edge):
        for path in (PROTECTED, OPEN):
            assert_refused(get(address, path, *headers), vector, *BAD)
    assert len(seen) == before, "the service was reached"


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if as_cookie(vector) != "cannot"],
    ids=lambda vector: vector["name"],
)
def test_a_bad_token_in_a_cookie_makes_nobody_of_its_bearer(mesh: Rig, vector: dict[str, Any]) -> None:
    """What could be a stale cookie is overlooked: 401 where a caller is needed, nobody where none is."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    cookie = f"cookie: pillion-token={mesh.forge.make(vector)}"
    overlooked = as_cookie(vector) == "overlooked"
    codes = ("token-missing",) if overlooked else BAD
    assert_refused(get(mesh.edge, PROTECTED, cookie), vector, *codes)
    assert len(seen) == before, "the service was reached"
    answer = get(mesh.edge, OPEN, cookie)
    if overlooked:
        assert answer.status == 200, answer
        names = {name for name, _ in json.loads(answer.body)["headers"]}
        assert not names & {"authorization", "cookie"}
        assert not [name for name in names if name.startswith(HEADER_PREFIX)]
    else:
        assert_refused(answer, vector, *codes)
        assert len(seen) == before, "the service was reached"


def test_each_bad_token_is_refused_by_the_filter_that_is_there_for_it(mesh: Rig) -> None:
    """Else one that is broken by accident would be refused as well, and show nothing."""
    # Refused before there is a path to log: those that say another status.
    told = {vector["name"]: vector["by"] for vector in VECTORS if "status" not in vector}
    for vector in VECTORS:
        headers = sent_in_header(vector, mesh.forge.make(vector))
        get(mesh.sidecar(), f"/api/orders/by/{vector['name']}", *headers)

    def by() -> dict[str, str]:
        return {
            line["path"].rpartition("/")[2]: _filter(line["details"])
            for line in mesh.audit_lines("orders", "/api/orders/by/")
        }

    until(lambda: by().keys() >= told.keys(), "a line in the audit log for every token")
    assert by() == told


def _filter(details: str) -> str:
    """Read Envoy's response code details: the name of our policy, or Envoy's own filter."""
    if details.startswith("jwt_authn_access_denied"):
        return "jwt_authn"
    return details.removeprefix("rbac_access_denied_matched_policy[").removesuffix("]")


def test_the_vectors_are_many_and_each_names_its_source() -> None:
    """A vector file that lost its vectors would pass."""
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS) >= 230
    assert all(vector["source"] for vector in VECTORS)


def test_a_token_in_another_place_is_no_token(mesh: Rig) -> None:
    """In the query, in another header, in a sidecar's cookie, in the body: nobody looks there."""
    token = mesh.forge.good()
    for address in (mesh.sidecar(), mesh.edge):
        for target, header in (
            (f"{PROTECTED}?access_token={token}", "x-nothing: 1"),
            (f"{PROTECTED}?token={token}", "x-nothing: 1"),
            (PROTECTED, f"proxy-authorization: Bearer {token}"),
            (PROTECTED, f"x-pillion-token: Bearer {token}"),
            (PROTECTED, f"x-forwarded-access-token: {token}"),
            (PROTECTED, f"cookie: token={token}; access_token={token}"),
        ):
            assert get(address, target, header).status == 401, (address, target, header)
    assert get(mesh.sidecar(), PROTECTED, f"cookie: pillion-token={token}").status == 401
    body = f"access_token={token}".encode()
    for address in (mesh.sidecar(), mesh.edge):
        posted = wire.ask(
            address,
            f"POST {PROTECTED} HTTP/1.1",
            "host: shop",
            "content-type: application/x-www-form-urlencoded",
            f"content-length: {len(body)}",
            body=body,
        )
        assert posted.status == 401
