"""Every bad token is refused: at the sidecar, at the edge, in the header and in the cookie."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import wire
from tests.envoy.rig import Address, Rig

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "bad_tokens.json").read_text(encoding="utf-8")
)
BAD = ("token-invalid", "token-expired")
PROTECTED, OPEN = "/api/orders/1", "/api/orders/open/1"
IDENTITY_HEADERS = {"x-pillion-user", "x-pillion-email", "x-pillion-roles", "x-pillion-claims"}


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


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_bad_token_is_refused(mesh: Rig, vector: dict[str, Any]) -> None:
    """As a header on protected and on open paths; as a cookie it makes nobody of its bearer."""
    seen = mesh.services["orders"].seen
    before = len(seen)
    token = mesh.forge.make(vector)
    headers = sent_in_header(vector, token)
    for address in (mesh.sidecar(), mesh.edge):
        for path in (PROTECTED, OPEN):
            assert_refused(get(address, path, *headers), vector, *BAD)
    if vector["group"] != "scheme" and vector.get("cookie", True):
        cookie = f"cookie: pillion-token={token}"
        assert_refused(get(mesh.edge, PROTECTED, cookie), vector, "token-missing", *BAD)
        assert len(seen) == before
        answer = get(mesh.edge, OPEN, cookie)
        if answer.status == 200:
            names = {name for name, _ in json.loads(answer.body)["headers"]}
            assert not names & {*IDENTITY_HEADERS, "authorization", "cookie"}
            before += 1
        else:
            assert_refused(answer, vector, "token-missing", *BAD)
    assert len(seen) == before, "the service was reached"


def test_the_vectors_are_many_and_each_names_its_source() -> None:
    """A vector file that lost its vectors would pass."""
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS) >= 180
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
