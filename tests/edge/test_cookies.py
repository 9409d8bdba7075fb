"""What the edge makes of cookies: a token that needs nobody, a session that identity is asked about once."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import httpx
import pytest

from tests import wire
from tests.edge.edge_mesh import SESSION, TOKEN, USER, EdgeMesh, cookie, headers, mark, problem

GARBAGE = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.AAAA"


def _sets_token(answer: httpx.Response) -> str:
    """Give the token of the one cookie that an answer sets, after a look at the cookie's attributes."""
    (written,) = answer.headers.get_list("set-cookie")
    pair, *attributes = written.split("; ")
    name, _, token = pair.partition("=")
    assert name == TOKEN
    assert sorted(attributes) == ["HttpOnly", "Max-Age=300", "Path=/", "SameSite=Lax"]
    return str(token)


def _cookie_at_service(edge: EdgeMesh, *written: str, path: str = "/api/open/things") -> str | None:
    """Send these Cookie headers off the wire, and give the one that the service got."""
    answer = wire.ask(edge.address, f"GET {path} HTTP/1.1", "Host: edge", *(f"Cookie: {c}" for c in written))
    assert answer.status == 200, answer
    return headers(httpx.Response(200, content=answer.body)).get("cookie")


@pytest.mark.parametrize("carrier", ["Authorization: Bearer {}", f"Cookie: {SESSION}=none; {TOKEN}={{}}"])
def test_identity_is_never_asked_about_a_good_token(edge: EdgeMesh, carrier: str) -> None:
    cookies = edge.sign_in()
    sent = carrier.format(cookies[TOKEN]).replace("=none", f"={cookies[SESSION]}")
    many = wire.lines("GET /api/things HTTP/1.1", "Host: edge", sent) * 250
    before = edge.renewals()
    with ThreadPoolExecutor(8) as crowd:
        parts = crowd.map(lambda _: wire.exchange(edge.address, many, (True,) * 250), range(8))
        answers = [answer for part in parts for answer in part]
    assert [answer.status for answer in answers] == [200] * 2000
    assert not any("set-cookie" in answer.headers for answer in answers)
    assert edge.renewals() == before


@pytest.mark.parametrize("kind", ["missing", "expired", "garbage", "no-token-at-all", "empty"])
def test_a_session_without_a_good_token_is_renewed_once(edge: EdgeMesh, kind: str) -> None:
    sent = {"session": edge.sign_in()[SESSION]}
    token = {"expired": edge.stale(), "garbage": GARBAGE, "no-token-at-all": "not a token", "empty": ""}
    if kind in token:
        sent["token"] = token[kind]
    before = edge.renewals()
    answer = edge.get("/api/things", cookie=cookie(**sent))
    assert answer.status_code == 200, answer.text
    assert edge.renewals() == before + 1
    fresh = _sets_token(answer)
    assert headers(answer)["authorization"] == f"Bearer {fresh}"
    assert headers(answer)["x-pillion-email"] == USER
    again = edge.get("/api/things", cookie=cookie(session=sent["session"], token=fresh))
    assert again.status_code == 200
    assert "set-cookie" not in again.headers
    assert edge.renewals() == before + 1


def test_a_renewed_session_is_known_on_an_open_path_too(edge: EdgeMesh) -> None:
    answer = edge.get("/api/open/things", cookie=cookie(session=edge.sign_in()[SESSION]))
    assert headers(answer)["x-pillion-email"] == USER
    _sets_token(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_renewal_leaves_the_request_and_its_body_alone(edge: EdgeMesh, method: str) -> None:
    sent = {"cookie": cookie(session=edge.sign_in()[SESSION]), "origin": edge.edge}
    answer = edge.ask(method, "/api/things?a=1&b=%2F", sent, body=b"\x00\xff body")
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert (got["method"], got["target"], got["body"]) == (method, "/api/things?a=1&b=%2F", "\x00\xff body")


@pytest.mark.parametrize("token", [None, "stale", GARBAGE])
def test_without_a_session_identity_is_not_asked(edge: EdgeMesh, token: str | None) -> None:
    sent = cookie(token=edge.stale() if token == "stale" else token) if token else "theme=dark"
    before = edge.renewals()
    answer = edge.get("/api/things", cookie=sent)
    problem(answer, 401, "token-missing")
    assert "set-cookie" not in answer.headers
    assert edge.renewals() == before


def test_a_dead_session_is_refused_and_its_cookies_are_deleted(edge: EdgeMesh) -> None:
    cookies = edge.sign_in()
    both = cookie(session=cookies[SESSION], token=cookies[TOKEN])
    out = edge.ask("POST", "/sign-out", {"cookie": both, "origin": edge.edge})
    assert out.status_code == 204, out.text
    answer = edge.get("/api/things", cookie=cookie(session=cookies[SESSION]))
    problem(answer, 401, "token-missing")
    deleted = sorted(answer.headers.get_list("set-cookie"))
    assert [written.partition("=")[0] for written in deleted] == [SESSION, TOKEN]
    assert all("Max-Age=0" in written and "Path=/" in written for written in deleted)


def test_a_dead_session_is_nobody_on_an_open_path(edge: EdgeMesh) -> None:
    answer = edge.get("/api/open/things", cookie=cookie(session="A" * 43))
    assert answer.status_code == 200
    assert not {name for name in headers(answer) if name.startswith("x-pillion") or name == "authorization"}


@pytest.mark.parametrize("path", ["/api/open/things", "/api/things"])
def test_pillions_cookies_never_reach_a_service(edge: EdgeMesh, path: str) -> None:
    cookies = edge.sign_in()
    both = f"{SESSION}={cookies[SESSION]}; {TOKEN}={cookies[TOKEN]}"
    assert _cookie_at_service(edge, both, path=path) is None
    assert _cookie_at_service(edge, f"a=1; {both}; b=2", path=path) == "a=1; b=2"
    assert _cookie_at_service(edge, f"a=1; {both}", "b=2", path=path) == "a=1; b=2"


@pytest.mark.parametrize(
    "planted",
    [
        f"{SESSION}=",
        f" {SESSION} = x ",
        f"{SESSION}\t=\tx",
        f"{SESSION}=1; {SESSION}=2",
        f"{TOKEN}=a.b.c; {TOKEN}=d.e.f",
        f'{TOKEN}="a.b.c"',
        f"{TOKEN}=a=b",
    ],
)
def test_nor_does_anything_that_only_looks_like_them(edge: EdgeMesh, planted: str) -> None:
    assert _cookie_at_service(edge, f"a=1; {planted}; b=2") == "a=1; b=2"


@pytest.mark.parametrize(
    "others",
    [
        "a=1",
        'a="x, y"; b=; c; d=1=2==',
        "a=%20%3B; b=\xfc\xe9; c={}[]<>",
        "a=1; a=2; A=3",
        f"x-{SESSION}=1; {SESSION}-2=2; {TOKEN}s=3; {SESSION.upper()}=4",
        "__Host-pillion-session=not-this-mesh's; __Secure-x=1",
    ],
)
def test_other_cookies_arrive_byte_for_byte(edge: EdgeMesh, others: str) -> None:
    assert _cookie_at_service(edge, others) == others
    assert _cookie_at_service(edge, f"{TOKEN}={GARBAGE}; {others}") == others


def test_a_cookie_that_is_sent_twice_counts_as_none(edge: EdgeMesh) -> None:
    one, other = edge.sign_in(), edge.sign_in()
    before = edge.renewals()
    sessions = f"{SESSION}={one[SESSION]}; {SESSION}={other[SESSION]}"
    tokens = f"{TOKEN}={one[TOKEN]}; {TOKEN}={other[TOKEN]}"
    for sent in ([sessions], [tokens], [f"{sessions}; {tokens}"], sessions.split("; "), tokens.split("; ")):
        cookies = [f"Cookie: {part}" for part in sent]
        answer = wire.ask(edge.address, "GET /api/things HTTP/1.1", "Host: edge", *cookies)
        assert answer.status == 401, sent
    assert edge.renewals() == before


def test_a_stale_token_is_ignored_on_an_open_path(edge: EdgeMesh) -> None:
    for token in (edge.stale(), GARBAGE, "rubbish"):
        answer = edge.get("/api/open/things", cookie=cookie(token=token))
        assert answer.status_code == 200
        assert "authorization" not in headers(answer)


@pytest.mark.parametrize("path", ["/api/things", "/api/open/things"])
@pytest.mark.parametrize("sent", [f"Bearer {GARBAGE}", "Bearer rubbish", "Basic YTpi", "Bearer", "a.b.c"])
def test_a_bad_header_is_refused_although_a_good_cookie_comes_along(
    edge: EdgeMesh, path: str, sent: str
) -> None:
    cookies, before, word = edge.sign_in(), edge.renewals(), mark()
    both = cookie(session=cookies[SESSION], token=cookies[TOKEN])
    problem(edge.get(f"{path}/{word}", authorization=sent, cookie=both), 401, "token-invalid")
    assert edge.renewals() == before
    assert edge.saw(word) == []


def test_a_good_header_is_served_and_a_bad_cookie_overlooked(edge: EdgeMesh) -> None:
    good, before = edge.sign_in()[TOKEN], edge.renewals()
    answer = edge.get(
        "/api/things", authorization=f"Bearer {good}", cookie=cookie(session="x", token=GARBAGE, a="1")
    )
    assert answer.status_code == 200
    assert headers(answer)["authorization"] == f"Bearer {good}"
    assert headers(answer)["cookie"] == "a=1"
    assert edge.renewals() == before


OTHERS = ["theme=dark; Path=/", "lang=de", "xpillion-session=1", "pillion-session2=1", "a=pillion-session"]


@pytest.mark.parametrize(
    "planted",
    [
        f"{SESSION}=AAAA; Path=/",
        f"{TOKEN}=AAAA",
        f"{SESSION} =AAAA",
        f"={SESSION}=AAAA",
        f"= {SESSION}=AAAA; Path=/",
        f"{SESSION}=",
        SESSION,
        f"{SESSION}; Path=/",
    ],
)
def test_a_service_cannot_set_the_cookies_that_say_who_is_signed_in(edge: EdgeMesh, planted: str) -> None:
    """It would sign its visitors in as somebody of its own choice; its other cookies stay, in their order."""
    query = urlencode([("c", one) for one in (*OTHERS[:2], planted, *OTHERS[2:])])
    assert edge.get(f"/api/open/set?{query}").headers.get_list("set-cookie") == OTHERS
    assert "set-cookie" not in edge.get(f"/api/open/set?{urlencode({'c': planted})}").headers


def test_a_renewal_and_the_services_cookies_arrive_together(edge: EdgeMesh) -> None:
    session = edge.sign_in()[SESSION]
    query = urlencode([("c", one) for one in (f"{TOKEN}=planted", "theme=dark")])
    written = edge.get(f"/api/set?{query}", cookie=cookie(session=session)).headers.get_list("set-cookie")
    assert sorted(one.partition("=")[0] for one in written) == [TOKEN, "theme"]
    assert "planted" not in str(written)


def test_signing_out_works_beside_a_cookie_that_is_not_ascii(edge: EdgeMesh) -> None:
    """Identity's server would overlook all cookies for one of them; it is sent ours alone."""
    session = edge.sign_in()[SESSION]
    sent = f"Cookie: theme=caf\u00e9; {SESSION}={session}"
    answer = wire.ask(edge.address, "POST /sign-out HTTP/1.1", "Host: edge", "Content-Length: 0", sent)
    assert answer.status == 204
    problem(edge.get("/api/things", cookie=cookie(session=session)), 401, "token-missing")


def test_what_a_caller_says_of_its_address_opens_no_second_bucket(edge: EdgeMesh) -> None:
    """Tries are counted by the address that the edge sees, whatever stands in X-Forwarded-For."""
    body = json.dumps({"email": f"{mark()}@example.org", "password": "wrong wrong wrong"}).encode()
    head = (
        "POST /sign-in HTTP/1.1",
        "Host: edge",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    said = ("203.0.113.1", "\u00ff", "", "unknown", "198.51.100.1, \u00ff", "203.0.113.2")
    answers = [
        wire.ask(edge.address, *head, f"X-Forwarded-For: {address}", body=body).status for address in said
    ]
    assert answers == [401] * 5 + [429]
