"""A users service of one's own: what it is asked, what counts as an answer, and what happens when it is away."""

import json
import logging
import threading
import time
from pathlib import Path

import pytest

from pillion.identity import accounts, turn
from pillion.identity.config import Users
from pillion.identity.models import Session, User
from tests.certificates import pair
from tests.identity.browser import PASSWORD, Browser, new_email
from tests.identity.conftest import CONFIG
from tests.identity.half_way import STEP
from tests.identity.soft_passkey import add_passkey
from tests.identity.users_site import SECRET, Site, asking, hire, new_sub, serving, site, who, written

__all__ = ["site"]
WRONG = "wrong wrong wrong"
EXAMPLE = Path(__file__).parents[2] / "examples" / "users-service" / "users.py"


def test_the_service_is_asked_and_the_person_is_signed_in(site: Site) -> None:
    email = hire(site, new_sub(), roles=["manager", "buyer", "buyer"])
    browser = Browser()
    answer = browser.sign_in(email.upper())
    assert answer.json()["user"] == {"sub": who(answer), "email": email, "roles": ["buyer", "manager"]}
    assert browser.me().json()["email"] == email
    assert browser.renew()["Authorization"]
    (asked,) = site.asked
    assert json.loads(asked.body) == {"email": email, "password": PASSWORD}
    assert asked.signed
    assert asked.path == "/check"
    user = User.objects.get(email=email)
    assert not user.has_usable_password()
    assert accounts.find_user(email).verified
    row = Session.objects.get(sid=browser.me().json()["session"])
    assert row.amr == ["pwd"]


def test_a_person_signs_in_at_the_page_and_cannot_sign_up(site: Site) -> None:
    email = hire(site, new_sub())
    answer = Browser().post_form("/sign-in", {"email": email, "password": PASSWORD, "next": "/a"})
    assert (answer.status, answer["Location"]) == (303, "/a")
    assert b"/sign-up" not in Browser().ask("GET", "/sign-in", accept="text/html").body
    assert Browser().post_json("/sign-up", {"email": new_email(), "password": PASSWORD}).status == 404


def test_accounts_are_looked_after_elsewhere(site: Site) -> None:
    """No page leads there, and none is found; also where mail could be sent."""
    browser = Browser()
    who(browser.sign_in(hire(site, new_sub(), email_verified=False)))
    pages = [f"/account/{name}" for name in ("password", "email", "delete", "forgot", "reset", "verify")]
    for path in (*pages, "/account/verify/again"):
        for method in ("GET", "POST"):
            answer = browser.ask(
                method, path, content_type="application/json", origin="http://localhost:8080"
            )
            assert (answer.status, answer.code) == (404, "accounts-elsewhere"), path
    page = browser.ask("GET", "/account/", accept="text/html").body.decode()
    assert "/account/sessions" in page
    assert not [path for path in pages if path in page]
    assert b"/account/forgot" not in Browser().ask("GET", "/sign-in", accept="text/html").body


def test_who_proves_once_more_who_they_are_is_asked_of_the_service(site: Site) -> None:
    """And while it is away, no try counts."""
    browser = Browser()
    who(browser.sign_in(hire(site, new_sub())))

    def confirm(password: str) -> int:
        return browser.post_json("/account/confirm", {"password": password}).status

    assert (confirm(PASSWORD), confirm(WRONG)) == (200, 403)
    site.status = 500
    assert {confirm(PASSWORD) for _ in range(8)} == {503}
    site.status = None
    assert confirm(PASSWORD) == 200


def test_a_passkey_alone_signs_nobody_in_and_is_a_second_factor(site: Site) -> None:
    """Who is gone at the service would come in for ever."""
    email, browser = hire(site, new_sub()), Browser()
    who(browser.sign_in(email))
    passkey, added = add_passkey(browser)
    assert added.status == 201
    for path, body in (("/sign-in/passkey/options", {}), ("/sign-in/passkey", {"credential": "{}"})):
        answer = Browser().post_json(path, body)
        assert (answer.status, answer.code) == (404, "password-first")
    assert b"passkey" not in Browser().ask("GET", "/sign-in", accept="text/html").body
    again = Browser()
    assert "passkey" in again.sign_in(email).json()["second_factors"]
    options = again.post_json(f"{STEP}/options", {}).json()
    assert again.post_json(STEP, {"credential": passkey.used(options)}).status == 200
    assert Browser().sign_in(email, WRONG).code == "wrong-credentials"


def test_wrong_and_unknown_read_the_same_as_ever(site: Site) -> None:
    email = hire(site, new_sub())
    answers = [
        Browser().sign_in(email, WRONG),
        Browser().sign_in(new_email(), WRONG),
        Browser().sign_in("no address", WRONG),
        Browser().sign_in(email, "x" * 1025),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert not User.objects.filter(email=email).exists()


ROLES = [f"role{number:03d}" for number in range(120)]


NO_ANSWERS: dict[str, tuple[int, bytes]] = {
    "not allowed": (403, b"{}"),
    "not found": (404, b"{}"),
    "a fault of its own": (500, b"{}"),
    "no content": (204, b""),
    "no JSON": (200, b"<html>"),
    "no UTF-8": (200, b'{"email": "a@example.org\xff"}'),
    "a list": (200, b"[]"),
    "nothing said": (200, b"{}"),
    "no address": (200, b'{"email": "nobody", "sub": "1"}'),
    "a number for an id": (200, b'{"email": "a@example.org", "sub": 7}'),
    "an empty id": (200, b'{"email": "a@example.org", "sub": ""}'),
    "a long id": (200, b'{"email": "a@example.org", "sub": "%s"}' % (b"x" * 256)),
    "a NUL": (200, rb'{"email": "a@example.org", "sub": "\u0000"}'),
    "half a character": (200, rb'{"email": "a@example.org", "sub": "\ud800"}'),
    "roles in a text": (200, b'{"email": "a@example.org", "roles": "admin"}'),
    "a role that is none": (200, b'{"email": "a@example.org", "roles": ["a,b"]}'),
    "too many roles": (200, b'{"email": "a@example.org", "roles": %s}' % json.dumps(ROLES).encode()),
    "a truth in a text": (200, b'{"email": "a@example.org", "email_verified": "true"}'),
    "a long answer": (200, b'{"email": "a@example.org", "x": "%s"}' % (b"x" * 65536)),
    "a deep one": (200, b"[" * 60000),
}  # fmt: skip


@pytest.mark.parametrize(("status", "content"), NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_any_other_answer_is_no_answer(site: Site, status: int, content: bytes) -> None:
    site.status, site.content = status, content
    answer = Browser().sign_in("a@example.org")
    assert (answer.status, answer.code, answer["Retry-After"]) == (503, "users-unavailable", "5")
    assert not User.objects.filter(email="a@example.org").exists()


def test_a_redirect_is_not_followed(site: Site) -> None:
    """Whoever it leads to would be told the password."""
    with serving(Site()) as elsewhere:
        site.status, site.headers = 307, {"Location": elsewhere.url}
        assert Browser().sign_in(new_email()).status == 503
        assert not elsewhere.asked


def test_no_proxy_of_the_environment_is_told_a_password(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Site()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/check"))
        monkeypatch.setenv("NO_PROXY", "")
        who(Browser().sign_in(hire(site, new_sub())))
        assert not proxy.asked


def test_while_the_service_is_away_sessions_go_on_and_no_try_counts(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Site()) as site, asking(site):
        email = hire(site, new_sub())
        browser = Browser()
        who(browser.sign_in(email))
    with asking(site), caplog.at_level(logging.ERROR, "pillion.identity"):
        answers = [Browser().sign_in(email) for _ in range(40)]
        assert {(answer.status, answer["Retry-After"]) for answer in answers} == {(503, "5")}
        assert browser.renew()["Authorization"]
        assert browser.ask("GET", "/account/", accept="text/html").status == 200
        page = Browser().post_form("/sign-in", {"email": email, "password": PASSWORD})
        assert (page.status, page["Retry-After"]) == (503, "5")
        assert b"Passwords cannot be checked right now" in page.body
    assert PASSWORD not in caplog.text
    assert SECRET not in caplog.text
    with serving(Site(people=site.people)) as back, asking(back):
        who(Browser().sign_in(email))


def test_an_answer_that_comes_byte_by_byte_is_waited_for_three_seconds_in_all(site: Site) -> None:
    """Each byte comes in time; together they would take an hour."""
    site.status, site.content, site.drip = 200, b" " * 10000, 0.2
    began = time.monotonic()
    assert Browser().sign_in(new_email()).status == 503
    assert 2.5 < time.monotonic() - began < 5


def test_too_many_wrong_passwords_are_429_and_the_service_is_left_alone(site: Site) -> None:
    email = hire(site, new_sub())
    assert [Browser().sign_in(email, WRONG).status for _ in range(7)] == [401] * 5 + [429] * 2
    assert len(site.asked) == 5


def test_only_so_many_ask_at_once(site: Site) -> None:
    """The others wait their turn, and renewals find a thread."""
    inside, most, lock = [0], [0], threading.Lock()
    full, leave = threading.Event(), threading.Event()

    def ask_for_a_while() -> None:
        with turn.turn():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                if inside[0] == turn.MOST_ASKING:
                    full.set()
            leave.wait(10)
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=ask_for_a_while) for _ in range(turn.MOST_ASKING + 10)]
    for thread in threads:
        thread.start()
    assert full.wait(10)
    leave.set()
    for thread in threads:
        thread.join()
    assert most[0] == turn.MOST_ASKING
    assert site.asked == []


def test_tls_is_checked_against_the_authority_and_identity_shows_its_certificate(tmp_path: Path) -> None:
    """Without a secret: the certificate proves who asks. One that is replaced is taken up, without a start."""
    server, ours, others = pair(), pair(), pair()
    certificate, key = written(tmp_path, "ours", others)
    authority, _ = written(tmp_path, "authority", server)
    shown = {"secret": None, "certificate": certificate, "key": key, "authority": authority}
    with serving(Site(), tmp_path, server, clients=ours) as site:
        email = hire(site, new_sub())
        with asking(site, **shown):
            assert Browser().sign_in(email).status == 503  # of an authority that the service does not know
            written(tmp_path, "ours", ours)
            who(Browser().sign_in(email))
        assert int(site.peers[-1]["serialNumber"], 16) == ours.serial
        assert "pillion-signature" not in site.asked[-1].headers
        before = len(site.asked)
        with asking(site, **shown | {"authority": None}):
            assert Browser().sign_in(email).status == 503  # the system trusts no such authority
        with asking(site, **shown | {"authority": tmp_path / "absent"}):
            assert Browser().sign_in(email).status == 503
        assert len(site.asked) == before


def test_who_is_called_otherwise_than_the_certificate_says_is_not_believed(tmp_path: Path) -> None:
    server = pair()
    authority, _ = written(tmp_path, "authority", server)
    with serving(Site(), tmp_path, server) as site:
        email = hire(site, new_sub())
        with asking(site, authority=authority):
            who(Browser().sign_in(email))
        with asking(site, authority=authority, url=site.url.replace("localhost", "127.0.0.2")):
            assert Browser().sign_in(email).status == 503


def test_the_secret_is_shown_in_no_repr() -> None:
    users = Users(url="https://users.example/", secret=SECRET)
    assert SECRET not in repr(CONFIG.model_copy(update={"users": users}))
