"""Whatever is sent, the answer is a clear 4xx: no 5xx, no traceback."""

import json
import random

import pytest

from tests.identity.browser import PASSWORD, Browser, new_user

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (JSON, b"", 400),
        (JSON, b"{", 400),
        (JSON, b"[]", 400),
        (JSON, b"null", 400),
        (JSON, b'"x"', 400),
        (JSON, b"\xff\xfe", 400),
        (JSON, b"[" * 60_000, 400),
        (JSON, b"{}", 400),
        (JSON, b'{"email": 1, "password": "x"}', 400),
        (JSON, b'{"email": ["a@example.org"], "password": "x"}', 400),
        (JSON, b'{"email": null, "password": null}', 400),
        (JSON, b'{"email": {"$ne": ""}, "password": "x"}', 400),
        (JSON, b'{"email": "a@b.c", "email": "d@e.f", "password": "x"}', 400),
        (JSON, b'{"email": "a\\u0000@example.org", "password": "x"}', 400),
        (JSON, b'{"email": "a@example.org", "password": "x\\u0000"}', 400),
        (JSON, b'{"email": "a@example.org", "password": "\\ud800"}', 400),
        (JSON, b'{"email": "a@example.org", "password": "x", "next": 3}', 400),
        (JSON, b'{"email": "   ", "password": "x"}', 400),
        (FORM, b"", 400),
        (FORM, b"email=a%40example.org", 400),
        (FORM, b"email=a%40example.org&email=b%40example.org&password=x", 400),
        (FORM, b"email=%ff&password=x", 400),
        (FORM, b"email=%00&password=x", 400),
        (FORM, "email=\u00e9&password=x".encode(), 400),
        (FORM, b"&".join(b"a%d=b" % number for number in range(100)), 400),
        ("", b"{}", 415),
        ("text/plain", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("multipart/form-data", b"", 415),
        ("application/json; charset=utf-16", b"{}", 415),
        ("application/jsonp", b"{}", 415),
        ("\u00e9/\u00e9", b"{}", 415),
        (JSON, b'{"email": "a@example.org", "password": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_a_bad_body_is_answered_clearly(path: str, kind: str, body: bytes, status: int) -> None:
    """With a problem that says what would be right."""
    answer = Browser().ask("POST", path, body, content_type=kind)
    assert answer.status == status
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


def test_odd_unicode_is_a_wrong_password_like_any_other() -> None:
    """Right-to-left marks, unassigned characters, combining ones."""
    for text in (
        "\u202e\u200b@example.org",
        "a\u0300" * 60 + "@example.org",
        "\U000e0001@x.y",
        "\ufdfa" * 100,
    ):
        assert Browser().sign_in(text, text).status == 401


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/sign-in", "GET, POST, HEAD"),
        ("DELETE", "/sign-up", "GET, POST, HEAD"),
        ("GET", "/sign-out", "POST"),
        ("POST", "/me", "GET, HEAD"),
        ("POST", "/account/", "GET, HEAD"),
        ("POST", "/.well-known/jwks.json", "GET, HEAD"),
        ("OPTIONS", "/sign-in", "GET, POST, HEAD"),
        ("TRACE", "/sign-in", "GET, POST, HEAD"),
        ("BREW", "/sign-in", "GET, POST, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    """RFC 9110, section 15.5.6."""
    answer = Browser().ask(method, path)
    assert (answer.status, answer["Allow"]) == (405, allow)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/admin",
        "/accounts",
        "/me/",
        "/-/",
        "/-/renewalx",
        "/\u00e9",
        "/%00",
        "/pillion/static/../apps.py",
    ],
)
def test_an_unknown_path_is_not_found(path: str) -> None:
    """As a problem, and as a page for a person."""
    assert Browser().ask("GET", path).code == "not-found"
    page = Browser().ask("GET", path, accept="text/html")
    assert page.status == 404
    assert b"<h1>Not Found</h1>" in page.body


# Every path of ours, but those that take a session; with one, see test_change.py.
PATHS = [
    *("/sign-in", "/sign-up", "/sign-out", "/me", "/-/renewal/x", "/account/", "/account/confirm"),
    *("/account/verify", "/account/verify/again", "/account/forgot", "/account/reset", "/account/password"),
    *("/account/email", "/account/delete", "/account/sessions", "/account/sessions/end"),
    "/pillion/mail",
]


@pytest.mark.usefixtures("mail")
def test_noise_never_ends_in_a_server_error() -> None:
    """A thousand mutations of good requests, the same each time."""
    chance = random.Random(7)
    good = json.dumps({"email": new_user(), "password": PASSWORD}).encode()
    for number in range(1000):
        body = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        kind = chance.choice([JSON, FORM, "", "x/y; charset=" + chr(chance.randrange(33, 255))])
        path = chance.choice(PATHS)
        browser = Browser(address=f"10.1.{number // 250}.{number % 250}")
        noise = "".join(chr(chance.randrange(1, 256)) for _ in range(60))
        answer = browser.ask(
            chance.choice(["POST", "GET"]),
            f"{path}?next={noise}",
            bytes(body) if path != "/sign-in" or number % 10 == 0 else bytes(body[: len(body) // 2]),
            content_type=kind,
            authorization=f"Bearer {noise}",
            cookie=f"pillion-session={noise}; {noise}",
            accept=noise,
            user_agent=noise,
            sec_fetch_mode=noise,
        )
        assert answer.status < 500, (path, body, noise)


def test_a_page_gets_an_escaped_next() -> None:
    """Nothing that is sent becomes part of a page's markup."""
    page = Browser().ask("GET", '/sign-in?next=/"><script>alert(1)</script>', accept="text/html").body
    assert b"<script>" not in page


def test_a_content_type_that_cannot_be_read_is_told_so() -> None:
    """Django reads it before its handlers stand: it must not end in a traceback."""
    answer = Browser().ask("POST", "/sign-in", b"{}", content_type="application/json; charset*=utf-8''%00")
    assert (answer.status, answer.code) == (400, "malformed-request")
