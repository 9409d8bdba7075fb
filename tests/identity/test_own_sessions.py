"""The list of one's sessions, and ending them."""

import uuid

import pytest

from pillion.identity import accounts, api_keys, device
from pillion.identity.models import ApiKey, Revocation
from tests.identity.browser import Answer, Browser, new_user

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)


def _two() -> tuple[Browser, Browser, str]:
    email = new_user()
    laptop, phone = Browser("192.0.2.1"), Browser("2001:db8::7")
    credentials = {"email": email, "password": "correct horse battery staple"}
    assert laptop.post_json("/sign-in", credentials, user_agent=FIREFOX).status == 200
    assert phone.post_json("/sign-in", credentials, user_agent=IPHONE).status == 200
    return laptop, phone, email


def _end(browser: Browser, which: str) -> Answer:
    return browser.post_json("/account/sessions/end", {"session": which})


def test_the_list_says_where_one_is_signed_in() -> None:
    laptop, phone, _ = _two()
    here, there = laptop.ask("GET", "/account/sessions").json()["sessions"]
    assert (here["device"], here["address"], here["current"]) == ("Firefox on Linux", "192.0.2.1", True)
    assert (there["device"], there["address"], there["current"]) == ("Safari on iPhone", "2001:db8::7", False)
    assert here["session"] == laptop.me().json()["session"]
    assert there["session"] == phone.me().json()["session"]
    assert set(here) == {"session", "current", "device", "address", "client", "signed_in", "last_used"}


def test_a_person_sees_it_on_a_page() -> None:
    laptop, _, _ = _two()
    page = laptop.visit("/account/sessions").body.decode()
    assert page.count("this one") == 1
    assert "Safari on iPhone" in page
    assert "2001:db8::7" in page


def test_one_session_is_ended() -> None:
    laptop, phone, _ = _two()
    sid = phone.me().json()["session"]
    assert _end(laptop, sid).status == 204
    assert phone.me().status == 401
    assert not phone.renew()["Authorization"]
    assert Revocation.objects.filter(sid=sid).exists()
    assert laptop.me().status == 200
    assert len(laptop.ask("GET", "/account/sessions").json()["sessions"]) == 1


def test_signing_out_everywhere_ends_this_one_too() -> None:
    laptop, phone, email = _two()
    other = new_user()
    stranger = Browser()
    stranger.sign_in(other)
    led = laptop.post_form("/account/sessions/end", {"session": "all"})
    assert (led.status, led["Location"]) == (303, "/sign-in")
    assert laptop.cookies == {}
    assert phone.me().status == 401
    assert stranger.me().status == 200
    assert Browser().sign_in(email).status == 200


def test_a_person_who_ends_another_session_stays_on_the_page() -> None:
    laptop, phone, _ = _two()
    led = laptop.post_form("/account/sessions/end", {"session": phone.me().json()["session"]})
    assert (led.status, led["Location"]) == (303, "/account/sessions")


def test_nobody_ends_somebody_elses_session() -> None:
    laptop, _, _ = _two()
    stranger = Browser()
    stranger.sign_in(new_user())
    sid = laptop.me().json()["session"]
    answer = _end(stranger, sid)
    assert (answer.status, answer.code) == (404, "no-such-session")
    assert laptop.me().status == 200
    assert sid not in stranger.ask("GET", "/account/sessions").body.decode()


@pytest.mark.parametrize("which", ["", "x", "everything", "0" * 5000, "\u2603"])
def test_what_is_no_session_is_refused(which: str) -> None:
    laptop, _, _ = _two()
    assert (_end(laptop, which).status, _end(laptop, str(uuid.uuid4())).status) == (400, 404)


def test_a_disabled_account_has_no_list() -> None:
    laptop, _, email = _two()
    accounts.set_active(email, active=False)
    assert laptop.ask("GET", "/account/sessions").status == 401


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/139.0 Safari/537.36 Edg/139.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/139.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.14.1", "curl"),
        ("shop-app/3.1 (build 7)", "shop-app"),
        ("", "Unknown"),
        ("\u202e<script>", "Unknown"),
        ("x" * 300, "x" * 40),
    ],
)
def test_a_device_is_named_as_people_name_it(user_agent: str, name: str) -> None:
    assert device.name(user_agent) == name


def test_api_keys_are_no_sessions_that_one_signs_out_of() -> None:
    """But a new password ends them, too: whoever was here may have made one."""
    laptop, _, email = _two()
    api_keys.make(email, "ci")
    sids = {one["session"] for one in laptop.ask("GET", "/account/sessions").json()["sessions"]}
    key = ApiKey.objects.get(name="ci", session__user__email=email).session
    assert str(key.sid) not in sids
    assert _end(laptop, str(key.sid)).status == 404
    assert _end(laptop, "all").status == 204
    key.refresh_from_db()
    assert key.revoked_at is None
    browser = Browser()
    browser.sign_in(email)
    assert browser.post_json("/account/password", {"password": "an entirely new passphrase"}).status == 200
    key.refresh_from_db()
    assert key.revoked_at is not None
