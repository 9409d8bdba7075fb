"""HTTP/2 at the edge: the same promises, and no header that turns into something else behind it."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import wire2
from tests.edge.edge_mesh import SESSION, TOKEN, USER, EdgeMesh, mark


@pytest.fixture(scope="module")
def token(edge: EdgeMesh) -> str:
    """Give a good token."""
    return edge.sign_in()[TOKEN]


def _got(answer: wire2.Answer) -> dict[str, str]:
    assert answer.status == 200, answer
    return dict(json.loads(answer.body)["headers"])


def test_cookies_in_pieces_are_one_header(edge: EdgeMesh, token: str) -> None:
    """RFC 9113, section 8.2.3: browsers send each cookie in a field of its own."""
    pieces = [("cookie", piece) for piece in ("a=1", f"{SESSION}=x", f"{TOKEN}={token}", "b=2")]
    got = _got(wire2.ask(edge.address, *pieces, path="/api/things"))
    assert (got["x-pillion-email"], got["cookie"]) == (USER, "a=1; b=2")


def test_a_cookie_that_comes_twice_in_pieces_counts_as_none(edge: EdgeMesh, token: str) -> None:
    pieces = [("cookie", f"{TOKEN}={token}")] * 2
    assert wire2.ask(edge.address, *pieces, path="/api/things").status == 401


def test_two_authorization_headers_are_refused(edge: EdgeMesh, token: str) -> None:
    for other in (token, "a.b.c"):
        twice = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {other}")]
        assert wire2.ask(edge.address, *twice, path="/api/things").status == 401


FORBIDDEN = {
    "a line end in a value": ("x", "1\r\nAuthorization: Bearer x"),
    "a line feed in a value": ("x", "1\nx-pillion-user: me"),
    "a null in a value": ("x", "a\0b"),
    "a line end in a name": ("x: 1\r\nx-pillion-user", "me"),
    "a colon in a name": ("x-pillion-user:", "me"),
    "a space in a name": ("x y", "me"),
    "a capital in a name": ("X-Pillion-User", "me"),
    "an underscore in a name": ("x_pillion_user", "me"),
    "a coding": ("transfer-encoding", "chunked"),
    "a header for one hop": ("connection", "authorization"),
    "an upgrade": ("upgrade", "websocket"),
    "a wrong length": ("content-length", "5"),
    "an unknown pseudo-header": (":user", "me"),
    "a path with a line end": (":path", "/api/open/x HTTP/1.1\r\nHost: x\r\n\r\nGET /api/reports"),
    "a path with a space": (":path", "/api/open/x HTTP/1.1"),
    "a path without a slash": (":path", "api/open/x"),
    "a method with a space": (":method", "GET /api/reports HTTP/1.1"),
    "a host with a path": (":authority", "edge/evil"),
    "a host with a line end": (":authority", "edge\r\nx-pillion-user: me"),
}


def test_a_header_that_http_1_would_read_otherwise_is_refused(edge: EdgeMesh) -> None:
    """All at once: Envoy takes a second to close a connection that broke the protocol."""
    word = mark()

    def ask(header: tuple[str, str]) -> int | None:
        return wire2.ask(edge.address, ("x-mark", word), header, path=f"/api/open/{word}").status

    with ThreadPoolExecutor(len(FORBIDDEN)) as crowd:
        statuses = dict(zip(FORBIDDEN, crowd.map(ask, FORBIDDEN.values()), strict=True))
    assert {name: status for name, status in statuses.items() if status not in {None, 400}} == {}
    assert edge.saw(word) == []
    assert ask(("x", "1")) == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost"])
def test_a_websocket_over_http_2_is_no_way_around_the_cross_site_guard(
    edge: EdgeMesh, token: str, origin: str
) -> None:
    """RFC 8441's CONNECT: not served, whoever asks."""
    answer = wire2.ask(
        edge.address,
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        ("cookie", f"{TOKEN}={token}"),
        ("origin", origin),
        path="/api/socket",
    )
    assert answer.status in {None, 400, 401, 403, 404}


def test_a_path_is_made_plain_before_it_is_judged(edge: EdgeMesh) -> None:
    for path in ("/api/open/../things", "/api/open/%2e%2e/things", "/api//things", "/api/./things"):
        assert wire2.ask(edge.address, path=path).status == 401
    assert wire2.ask(edge.address, path="/api/open/..%2fthings").status == 400
