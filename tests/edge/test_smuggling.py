"""Requests that two servers may read differently: nothing reaches the service but what was checked."""

import json
from collections.abc import Iterator

import pytest

from tests import wire
from tests.edge.edge_mesh import TOKEN, USER, EdgeMesh, mark

OPEN = "POST /api/open/outer-{mark} HTTP/1.1\r\nHost: edge\r\n"
INNER = "GET /api/inner-{mark} HTTP/1.1\r\nHost: edge\r\n\r\n"
LENGTH = f"{len(INNER.format(mark=mark()))}"


@pytest.fixture(scope="module", autouse=True)
def _nothing_crashes(edge: EdgeMesh) -> Iterator[None]:
    """See that every process is the one that it was, and that the mesh still serves."""

    def alive() -> dict[str, tuple[int, int]]:
        return {w["address"]: (w["pid"], w["restarts"]) for w in edge.mesh.status()["workloads"]}

    before = alive()
    yield
    assert alive() == before
    assert edge.get("/api/open/things").status_code == 200


@pytest.fixture(scope="module")
def bearer(edge: EdgeMesh) -> str:
    """Give a header with a good token."""
    return f"Authorization: Bearer {edge.sign_in()[TOKEN]}"


# What Envoy reads in one way only, and sends on in its own words (RFC 9112): a folded line is one (section 5.2),
# a line feed ends a line (section 2.2), a carriage return alone is dropped.
READ_ONE_WAY = {
    "a folded coding": "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a folded header": "X-Folded: one\r\n Content-Length: {length}\r\n\r\n",
    "a bare line feed after a header": "X: 1\nContent-Length: {length}\r\n\r\n",
    "a bare carriage return": "X: 1\rContent-Length: {length}\r\n\r\n",
}
# What it stops at before a byte is sent on.
REFUSED = {
    "both lengths": "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, the other way": "Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n",
    "two lengths": "Content-Length: 0\r\nContent-Length: {length}\r\n\r\n",
    "a list of lengths": "Content-Length: 0, {length}\r\n\r\n",
    "a length with a sign": "Content-Length: +0\r\n\r\n",
    "a negative length": "Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": "Content-Length: 0x0\r\n\r\n",
    "a length too large to count": "Content-Length: 18446744073709551616\r\n\r\n",
    "an unknown coding": "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity after chunked": "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a space before the colon": "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a null in a header": "X: a\0b\r\n\r\n",
    "a null in a name": "X\0: ab\r\n\r\n",
    "a space in a name": "X Y: ab\r\n\r\n",
    "no colon": "Content-Length\r\n\r\n",
    "no name": ": 1\r\n\r\n",
}
# What it stops at in the middle of the body, when the service may have seen the head.
BROKEN_OFF = {
    "a bad chunk size": "0x0\r\n\r\n",
    "a negative chunk size": "-1\r\n\r\n",
    "a chunk size too large to count": "fffffffffffffffff\r\n\r\n",
    "a chunk without its line end": "1\r\nab0\r\n\r\n",
    "a chunk extension with a bare line feed": "1;\nx\r\na\r\n0\r\n\r\n",
    "a chunk size that ends with a line feed": "1\na\r\n0\r\n\r\n",
}


def _send(edge: EdgeMesh, rest: str) -> tuple[str, list[int]]:
    """Send a request that goes on with `rest`, and one behind it that asks for what needs a token."""
    word = mark()
    text = f"{OPEN}{rest}{INNER}".replace("{mark}", word).replace("{length}", LENGTH)
    answers = wire.exchange(edge.address, text.encode("latin-1"))
    assert edge.saw(f"inner-{word}") == []
    return word, [answer.status for answer in answers]


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_of_doubtful_length_is_refused(edge: EdgeMesh, name: str) -> None:
    word, statuses = _send(edge, REFUSED[name])
    assert statuses in ([400], [501])
    assert edge.saw(word) == []


@pytest.mark.parametrize("name", READ_ONE_WAY)
def test_an_odd_line_is_read_in_one_way_only(edge: EdgeMesh, name: str) -> None:
    assert _send(edge, READ_ONE_WAY[name])[1] == [200]


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_a_body_that_goes_wrong_ends_the_connection(edge: EdgeMesh, name: str) -> None:
    assert _send(edge, f"Transfer-Encoding: chunked\r\n\r\n{BROKEN_OFF[name]}")[1] in ([400], [])


@pytest.mark.parametrize(
    "named",
    [
        "authorization",
        "cookie",
        "x-pillion-user, x-pillion-token",
        "x-request-id",
        "te, authorization",
    ],
)
@pytest.mark.parametrize("kept", ["keep-alive", "close"])
def test_who_is_calling_cannot_be_lost_on_the_way(edge: EdgeMesh, bearer: str, named: str, kept: str) -> None:
    """`Connection` names headers for one hop alone (RFC 9110, section 7.6.1); to lose one opens nothing."""
    word = mark()
    for credential in (bearer, f"Cookie: pillion-token={bearer.rpartition(' ')[2]}"):
        asked = f"GET /api/things/{word} HTTP/1.1"
        answer = wire.ask(edge.address, asked, "Host: edge", credential, f"Connection: {kept}, {named}")
        assert answer.status in {200, 401}
        if answer.status == 200:
            got = dict(json.loads(answer.body)["headers"])
            assert got["x-pillion-email"] == USER
            assert got["authorization"] == bearer.partition(": ")[2]
            assert "pillion-token" not in got.get("cookie", "")


ODD_REQUESTS = {
    "absolute form": (("GET http://edge/api/{mark} HTTP/1.1", "Host: edge"), {401}),
    "absolute form of another host": (("GET http://evil.example/api/{mark} HTTP/1.1", "Host: edge"), {401}),
    "absolute form of https": (("GET https://edge/api/open/{mark} HTTP/1.1", "Host: edge"), {400}),
    "CONNECT": (("CONNECT edge:443 HTTP/1.1", "Host: edge:443"), {400, 401, 404}),
    "CONNECT with a path": (("CONNECT /api/open/{mark} HTTP/1.1", "Host: edge"), {400}),
    "TRACE": (("TRACE /api/{mark} HTTP/1.1", "Host: edge"), {401}),
    "TRACE with a cookie": (
        ("TRACE /api/open/{mark} HTTP/1.1", "Host: edge", "Cookie: pillion-session=x"),
        {403},
    ),
    "OPTIONS *": (("OPTIONS * HTTP/1.1", "Host: edge"), {404}),
    "an upgrade nobody knows": (
        ("GET /api/open/{mark} HTTP/1.1", "Host: edge", "Connection: Upgrade", "Upgrade: foo"),
        {403},
    ),
    "no host": (("GET /api/open/{mark} HTTP/1.1",), {400}),
    "a host with a path": (("GET /api/open/{mark} HTTP/1.1", "Host: edge/evil"), {400}),
    "two hosts in one": (("GET /api/open/{mark} HTTP/1.1", "Host: edge, evil.example"), {400}),
    "two hosts": (("GET /api/open/{mark} HTTP/1.1", "Host: edge", "Host: evil.example"), {400}),
    "HTTP/1.0": (("GET /api/open/{mark} HTTP/1.0", "Host: edge"), {426}),
    "HTTP/1.2": (("GET /api/open/{mark} HTTP/1.2", "Host: edge"), {426}),
    "HTTP/0.9": (("GET /api/open/{mark}", "Host: edge"), {400, 426}),
    "a fragment": (("GET /api/open/{mark}#x HTTP/1.1", "Host: edge"), {400}),
    "a space in the path": (("GET /api/open/ {mark} HTTP/1.1", "Host: edge"), {400}),
    "a null in the path": (("GET /api/open/{mark}\0 HTTP/1.1", "Host: edge"), {400}),
    "no slash": (("GET api/open/{mark} HTTP/1.1", "Host: edge"), {400}),
    "a byte above ASCII": (("GET /api/open/{mark}\xfc HTTP/1.1", "Host: edge"), {400}),
    "out of an open path": (("GET /api/open/../{mark} HTTP/1.1", "Host: edge"), {401}),
    "out of an open path, escaped": (("GET /api/open/%2e%2E/{mark} HTTP/1.1", "Host: edge"), {401}),
    "headers too large": (("GET /api/open/{mark} HTTP/1.1", "Host: edge", f"A: {'x' * 70_000}"), {431}),
    "headers too many": (("GET /api/open/{mark} HTTP/1.1", "Host: edge", *["A: x"] * 150), {431}),
}


@pytest.mark.parametrize("name", ODD_REQUESTS)
def test_an_odd_request_is_refused_in_the_standard_form(edge: EdgeMesh, name: str) -> None:
    written, statuses = ODD_REQUESTS[name]
    word = mark()
    answer = wire.ask(edge.address, *(line.replace("{mark}", word) for line in written))
    assert answer.status in statuses
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["type"] != "urn:pillion:problem:internal"
    assert edge.saw(word) == []


def test_connect_leads_nowhere_with_a_good_token_either(edge: EdgeMesh, bearer: str) -> None:
    answer = wire.ask(edge.address, "CONNECT 127.0.0.1:80 HTTP/1.1", "Host: 127.0.0.1:80", bearer)
    assert answer.status in {401, 404}


def test_an_upgrade_to_http_2_is_not_taken_up(edge: EdgeMesh) -> None:
    """Where it is, what follows on the connection passes unchecked. Here it is one plain request."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    answer = wire.ask(edge.address, "GET /api/open/things HTTP/1.1", "Host: edge", *upgrade)
    assert answer.status == 200
    got = dict(json.loads(answer.body)["headers"])
    assert not {"upgrade", "http2-settings"} & set(got)
