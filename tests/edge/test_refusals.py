"""What the edge answers when it lets nobody through, and where it sends a person to sign in."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests import wire
from tests.edge.edge_mesh import SESSION, TOKEN, USER, EdgeMesh, cookie, mark, problem
from tests.system.shop import PASSWORD

# As Chromium sends it for a page, and as it sends it for `fetch`.
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
DATA = "*/*"


def test_without_a_token_the_answer_is_401_and_asks_for_a_bearer_token(edge: EdgeMesh) -> None:
    answer = edge.get("/api/things")
    found = problem(answer, 401, "token-missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="proof"'
    assert found["request_id"]


def test_a_bad_token_is_called_invalid(edge: EdgeMesh) -> None:
    answer = edge.get("/api/things", authorization="Bearer a.b.c")
    problem(answer, 401, "token-invalid")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_rule_that_refuses_says_403(edge: EdgeMesh) -> None:
    answer = edge.get("/api/reports", authorization=f"Bearer {edge.sign_in()[TOKEN]}")
    problem(answer, 403, "rule-refused")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/", "/nothing", "/apis", "/api-2", "/API/things", "/-/health"])
def test_a_path_that_nobody_serves_is_404(edge: EdgeMesh, path: str) -> None:
    problem(edge.get(path), 404, "path-unknown")


@pytest.mark.parametrize("path", ["/-/renewal", "/-/renewal/api/things", "//-/renewal", "/api/../-/renewal"])
def test_the_renewal_has_no_door_outside(edge: EdgeMesh, path: str) -> None:
    session = edge.sign_in()[SESSION]
    answer = wire.ask(
        edge.address,
        f"GET {path} HTTP/1.1",
        "Host: edge",
        f"Cookie: {cookie(session=session)}",
        f"x-pillion-session: {session}",
    )
    assert answer.status == 404
    assert not {"authorization", "set-cookie"} & set(answer.headers)


@pytest.mark.parametrize(
    "path",
    ["/api%2fthings", "/api%2Fthings", "/api/open%5Cx", "/api/open/..%2freports", "/%2f%2fevil.example"],
)
def test_an_escaped_slash_is_refused(edge: EdgeMesh, path: str) -> None:
    problem(edge.get(path), 400, "request-malformed")


@pytest.mark.parametrize("name", ["x_pillion_user", "X_Anything", "x-pillion_user"])
def test_a_header_with_an_underscore_is_refused(edge: EdgeMesh, name: str) -> None:
    answer = wire.ask(edge.address, "GET /api/open/things HTTP/1.1", "Host: edge", f"{name}: 1")
    assert (answer.status, answer.headers.get("content-type")) == (400, "application/problem+json")
    assert b"request-malformed" in answer.body


@pytest.mark.parametrize(("path", "status"), [("/api/things", 401), ("/nothing", 404), ("/api/reports", 401)])
def test_a_refused_head_has_no_body(edge: EdgeMesh, path: str, status: int) -> None:
    """What comes after the head of its answer is the next answer."""
    head = wire.lines(f"HEAD {path} HTTP/1.1", "Host: edge")
    after = wire.lines("GET /nothing HTTP/1.1", "Host: edge")
    answer, following = wire.exchange(edge.address, head + after, bodies=(False, True))
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (following.status, b"path-unknown" in following.body) == (404, True)


@pytest.mark.parametrize(
    ("method", "headers", "sent"),
    [
        ("GET", {"sec-fetch-mode": "navigate"}, True),
        ("HEAD", {"sec-fetch-mode": "navigate"}, True),
        ("GET", {"accept": PAGE}, True),
        ("HEAD", {"accept": PAGE}, True),
        ("GET", {"accept": "application/json;q=0.5, text/html"}, True),
        ("GET", {"accept": "application/xhtml+xml"}, True),
        ("GET", {"accept": "TEXT/HTML"}, True),
        ("GET", {"accept": "text/html;level=1;q=0.9, application/json;q=0.8"}, True),
        ("GET", {"accept": DATA}, False),
        ("GET", {"accept": "application/json, text/html;q=0.9"}, False),
        ("GET", {"accept": "text/html;q=0"}, False),
        ("GET", {"accept": "text/html;q=0, */*"}, False),
        ("GET", {"accept": "text/event-stream"}, False),
        ("GET", {"accept": PAGE, "sec-fetch-mode": "cors"}, False),
        ("GET", {"accept": DATA, "sec-fetch-mode": "navigate"}, True),
        ("POST", {"sec-fetch-mode": "navigate"}, False),
        ("POST", {"accept": PAGE}, False),
        ("PUT", {"accept": PAGE}, False),
        ("DELETE", {"accept": PAGE}, False),
    ],
)
def test_only_a_navigation_is_sent_to_sign_in(
    edge: EdgeMesh,
    method: str,
    headers: dict[str, str],
    sent: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = edge.ask(method, "/page/things?a=1", headers)
    if not sent:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="proof"'
        return
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/page/things%3Fa%3D1"
    assert answer.headers["cache-control"] == "no-store"
    assert "www-authenticate" not in answer.headers


def test_a_navigation_with_a_bad_bearer_token_is_refused_as_a_programs(edge: EdgeMesh) -> None:
    answer = edge.get("/page/things", accept=PAGE, authorization="Bearer a.b.c")
    problem(answer, 401, "token-invalid")


@pytest.mark.parametrize(
    "path",
    [
        "/page",
        "/page/things?a=1&b=2",
        "/page/a%20b?x=%26%3D%23&y=+",
        "/page/%C3%BC?q=%E2%9C%93",
        "/page/things?next=/page&next=https://evil.example/",
        "/page/x,y=1,2'()*!$:@~-._?z=[1]",
        "/page/%25?percent=%2525",
        "/page/things?back=%5C&slash=%2F%2F",
        "/page/things?<b>",
    ],
)
def test_signing_in_leads_to_the_very_page_that_was_wanted(edge: EdgeMesh, path: str) -> None:
    refused = wire.ask(edge.address, f"GET {path} HTTP/1.1", "Host: edge", "Sec-Fetch-Mode: navigate")
    assert refused.status == 303, refused.body
    led = _led_to(edge, refused.headers["location"])
    assert led == path.replace("<b>", "%3Cb%3E")  # what no URL may hold is escaped; the rest stays as it was


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/page",
        "/\\evil.example/page",
        "/page/..//evil.example",
        "///evil.example",
        "/%5c%5cevil.example",
        "/page/%0d%0aLocation:%20https://evil.example",
        "/page/%09/evil.example",
        "http://evil.example/page",
        "https://evil.example//page",
    ],
)
def test_signing_in_never_leads_to_another_origin(edge: EdgeMesh, path: str) -> None:
    refused = wire.ask(edge.address, f"GET {path} HTTP/1.1", "Host: edge", "Sec-Fetch-Mode: navigate")
    assert refused.status in {303, 400, 403, 404}, refused
    assert "evil" not in urlsplit(refused.headers.get("location", "")).netloc
    if refused.status == 303:
        led = _led_to(edge, refused.headers["location"])
        assert led.startswith("/")
        assert not led.startswith(("//", "/\\"))


def test_what_is_refused_never_reaches_the_service(edge: EdgeMesh) -> None:
    word = mark()
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        assert edge.ask(method, f"/api/things/{word}").status_code == 401
    assert edge.saw(word) == []


def _led_to(edge: EdgeMesh, sign_in: str) -> str:
    """Follow the way of a browser: to the sign-in page, through its form, to where that leads."""
    with httpx.Client(base_url=edge.edge, headers={"accept": PAGE, "origin": edge.edge}) as browser:
        page = browser.get(sign_in)
        wanted = re.search(r'name="next" value="([^"]*)"', page.text)
        assert wanted, page.text
        form = {"email": USER, "password": PASSWORD, "next": html.unescape(wanted[1])}
        answer = browser.post("/sign-in", data=form)
        assert answer.status_code == 303, answer.text
        assert parse_qs(urlsplit(sign_in).query)["next"]
        sent = f"Cookie: {cookie(session=browser.cookies[SESSION])}"
    location = answer.headers["location"]
    served = wire.ask(edge.address, f"GET {location} HTTP/1.1", "Host: edge", sent, "Accept: */*")
    assert served.status in {200, 404}, served
    return str(location)
