"""What another site's page can and cannot make a browser do here: the whole matrix, and CORS."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests import wire
from tests.edge.edge_mesh import FRONTEND, TOKEN, EdgeMesh, cookie, mark, problem

OURS = "ours"  # stands for the mesh's own origin, whose port is known only when it runs
EVIL = "https://evil.example"
SITES = (None, "same-origin", "same-site", "cross-site", "none", "rubbish")
ORIGINS = (None, OURS, FRONTEND, EVIL, "null", f"{FRONTEND}.evil.example", f"{FRONTEND}:8443", f"{OURS}/")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
SAFE = ("GET", "HEAD", "OPTIONS")


@pytest.fixture(scope="module")
def token(edge: EdgeMesh) -> str:
    """Give a good token."""
    return edge.sign_in()[TOKEN]


def _head(edge: EdgeMesh, method: str, path: str, **fields: str | None) -> bytes:
    """Write a request's head; `_` in a header's name stands for `-`, and None leaves it out."""
    named = [
        f"{name.replace('_', '-')}: {value.replace(OURS, edge.edge)}"
        for name, value in fields.items()
        if value is not None
    ]
    return wire.lines(f"{method} {path} HTTP/1.1", "Host: edge", "Content-Length: 0", *named)


def _matrix(
    edge: EdgeMesh, methods: tuple[str, ...], path: str, **sent: str
) -> dict[tuple[str, str | None, str | None], int]:
    """Ask with every method, Sec-Fetch-Site and Origin; gives the statuses."""
    asked = [(method, site, origin) for method in methods for site in SITES for origin in ORIGINS]
    heads = [_head(edge, m, path, sec_fetch_site=s, origin=o, **sent) for m, s, o in asked]
    with ThreadPoolExecutor(4) as crowd:
        answers = crowd.map(lambda head: wire.exchange(edge.address, head, (False,)), heads)
        return {case: answer.status for case, (answer,) in zip(asked, answers, strict=True)}


def _is_from_here(site: str | None, origin: str | None) -> bool:
    """Say what the matrix must say: no page can make a browser lie in either header, so either is proof.

    Both are needed: `Origin` is `null` on a page that hides its address (Referrer-Policy: no-referrer), and an
    old browser, or one that speaks to a plain-http origin, sends no Sec-Fetch-Site.
    """
    return site in {"same-origin", "none"} or origin in {OURS, FRONTEND}


def test_what_relies_on_the_cookie_and_changes_something_must_come_from_here(
    edge: EdgeMesh, token: str
) -> None:
    found = _matrix(edge, UNSAFE, "/api/things", cookie=cookie(token=token))
    assert found == {case: 200 if _is_from_here(*case[1:]) else 403 for case in found}


def test_a_session_alone_is_a_cookie_too(edge: EdgeMesh) -> None:
    session = edge.sign_in()["pillion-session"]
    before = edge.renewals()
    answer = edge.ask("POST", "/api/things", {"cookie": cookie(session=session), "origin": EVIL})
    problem(answer, 403, "cross-site")
    assert edge.renewals() == before


def test_looking_is_open_to_any_site_the_browser_hides_the_answer(edge: EdgeMesh, token: str) -> None:
    found = _matrix(edge, SAFE, "/api/things", cookie=cookie(token=token))
    assert set(found.values()) == {200}


def test_a_bearer_token_is_nobodys_but_the_callers(edge: EdgeMesh, token: str) -> None:
    found = _matrix(edge, UNSAFE, "/api/things", authorization=f"Bearer {token}")
    assert set(found.values()) == {200}
    both = _matrix(
        edge, ("POST",), "/api/things", authorization=f"Bearer {token}", cookie=cookie(token=token)
    )
    assert set(both.values()) == {200}


def test_without_a_cookie_there_is_nothing_to_misuse(edge: EdgeMesh) -> None:
    assert set(_matrix(edge, UNSAFE, "/api/things").values()) == {401}
    assert set(_matrix(edge, UNSAFE, "/api/open/things", cookie="theme=dark").values()) == {200}


def test_an_open_path_is_guarded_too_because_it_knows_the_user(edge: EdgeMesh, token: str) -> None:
    found = _matrix(edge, ("POST",), "/api/open/things", cookie=cookie(token=token))
    assert found[("POST", "cross-site", EVIL)] == 403
    assert found[("POST", "same-origin", OURS)] == 200


@pytest.mark.parametrize("method", ["post", "Post", "TRACE", "QUERY", "PROPFIND", "LINK", "ANYTHING"])
def test_a_method_that_nobody_knows_counts_as_unsafe(edge: EdgeMesh, token: str, method: str) -> None:
    word = mark()
    head = _head(edge, method, f"/api/things/{word}", cookie=cookie(token=token), origin=EVIL)
    answers = wire.exchange(edge.address, head)
    assert [answer.status for answer in answers] in ([403], [400], [405])
    assert edge.saw(word) == []


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_a_websocket_that_relies_on_the_cookie_must_come_from_here(
    edge: EdgeMesh, token: str, site: str | None, origin: str | None
) -> None:
    fields = {"sec_fetch_site": site, "origin": origin}
    assert _handshake(edge, **fields, cookie=cookie(token=token)) == (
        101 if _is_from_here(site, origin) else 403
    )


def test_a_websocket_with_a_bearer_token_may_come_from_anywhere(edge: EdgeMesh, token: str) -> None:
    for origin in (None, EVIL, FRONTEND):
        assert _handshake(edge, origin=origin, authorization=f"Bearer {token}") == 101
    assert _handshake(edge, origin=OURS) == 401


def _handshake(edge: EdgeMesh, **fields: str | None) -> int:
    head = _head(
        edge,
        "GET",
        "/api/socket",
        upgrade="websocket",
        connection="Upgrade",
        sec_websocket_version="13",
        sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ==",
        **fields,
    ).replace(b"Content-Length: 0\r\n", b"")
    (answer,) = wire.exchange(edge.address, head)
    return answer.status


def _preflight(edge: EdgeMesh, origin: str, method: str = "PUT", path: str = "/api/things") -> httpx.Response:
    wanted = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "content-type",
    }
    return edge.ask("OPTIONS", path, wanted)


def test_a_named_frontend_may_ask_with_credentials(edge: EdgeMesh, token: str) -> None:
    preflight = _preflight(edge, FRONTEND)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == FRONTEND
    assert preflight.headers["access-control-allow-credentials"] == "true"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    answer = edge.ask("PUT", "/api/things", {"origin": FRONTEND, "cookie": cookie(token=token)})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"


def test_a_frontend_can_read_why_it_was_refused(edge: EdgeMesh) -> None:
    """Without the header a page sees a network error, and cannot open its sign-in dialog."""
    answer = edge.ask("POST", "/api/things", {"origin": FRONTEND})
    problem(answer, 401, "token-missing")
    assert answer.headers["access-control-allow-origin"] == FRONTEND
    assert answer.headers["access-control-allow-credentials"] == "true"


def test_a_frontend_can_sign_in_and_out(edge: EdgeMesh) -> None:
    preflight = _preflight(edge, FRONTEND, "POST", "/sign-in")
    assert preflight.headers["access-control-allow-origin"] == FRONTEND
    answer = edge.ask("POST", "/sign-in", {"origin": FRONTEND, "content-type": "application/json"}, b"{}")
    assert answer.status_code not in {403, 404}
    assert answer.headers["access-control-allow-origin"] == FRONTEND


@pytest.mark.parametrize("origin", [EVIL, "null", f"{FRONTEND}.evil.example", FRONTEND.upper(), "*"])
@pytest.mark.parametrize("path", ["/api/things", "/api/open/things", "/sign-in", "/nothing"])
def test_another_origin_gets_no_leave_from_a_preflight(edge: EdgeMesh, origin: str, path: str) -> None:
    assert not _leave(_preflight(edge, origin, path=path))


@pytest.mark.parametrize("path", ["/api/things", "/api/open/things", "/sign-in", "/me"])
def test_another_origin_gets_no_leave_to_read_an_answer(edge: EdgeMesh, token: str, path: str) -> None:
    for sent in ({"cookie": cookie(token=token)}, {"authorization": f"Bearer {token}"}, {}):
        assert not _leave(edge.ask("GET", path, {"origin": EVIL, **sent}))


def test_a_preflight_never_reaches_the_service(edge: EdgeMesh) -> None:
    word = mark()
    for origin in (FRONTEND, EVIL):
        _preflight(edge, origin, path=f"/api/things/{word}")
    assert edge.saw(word) == []


def _leave(answer: httpx.Response) -> set[str]:
    """Give what lets a page read the answer: without its origin there, all other leave is none."""
    return {name for name in answer.headers if name == "access-control-allow-origin"}
