"""Changing the password and the address of one's account, and deleting it."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils import timezone

from pillion.identity import sessions
from pillion.identity.models import Session, User
from tests.identity.browser import PASSWORD, Answer, Browser, new_email, signed_in_as
from tests.identity.mailed import key_to, mails_to, subjects_to

pytestmark = pytest.mark.usefixtures("mail")

NEW = "an entirely new passphrase"
DANGEROUS = ("/account/password", "/account/email", "/account/delete")


def _grow_old(email: str) -> None:
    """Let ten minutes pass since the sign-in."""
    for row in Session.objects.filter(user__email=email, revoked_at__isnull=True):
        for record in row.data["account_authentication_methods"]:
            record["at"] -= 600
        row.save()


def _change_password(browser: Browser, password: str = NEW) -> Answer:
    return browser.post_json("/account/password", {"password": password})


@pytest.mark.parametrize("path", DANGEROUS)
def test_who_did_not_prove_themselves_lately_is_asked_first(path: str) -> None:
    browser, email = signed_in_as()
    _grow_old(email)
    for answer in (
        browser.ask("GET", path),
        browser.post_json(path, {"password": NEW, "email": new_email()}),
    ):
        assert (answer.status, answer.code) == (403, "confirm-first")
    led = browser.visit(path)
    assert (led.status, led["Location"]) == (303, f"/account/confirm?next={path.replace('/', '%2F')}")
    assert Browser().sign_in(email).status == 200
    assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 200
    assert browser.visit(path).status == 200


@pytest.mark.parametrize("path", [*DANGEROUS, "/account/sessions"])
def test_without_a_session_there_is_nothing_to_change(path: str) -> None:
    assert Browser().ask("GET", path).code == "not-signed-in"
    assert Browser().visit(path)["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("path", [*DANGEROUS, "/account/sessions/end"])
def test_another_site_changes_nothing(path: str) -> None:
    browser, email = signed_in_as()
    fields = {"password": NEW, "email": new_email(), "session": "all"}
    answer = browser.post_form(path, fields, origin="https://evil.example", sec_fetch_site="cross-site")
    assert answer.status == 403
    assert browser.me().status == 200
    assert Browser().sign_in(email).status == 200


def test_it_is_changed_here_and_ends_all_other_sessions() -> None:
    browser, email = signed_in_as()
    other = Browser()
    other.sign_in(email)
    answer = _change_password(browser)
    assert (answer.status, answer.json()["user"]["email"]) == (200, email)
    assert other.me().status == 401
    assert browser.me().status == 200
    assert browser.renew()["Authorization"]
    assert Browser().sign_in(email).status == 401
    assert Browser().sign_in(email, NEW).status == 200
    assert subjects_to(email) == ["Your password was changed"]


def test_a_stolen_cookie_is_dead_after_it() -> None:
    """This browser goes on under another key, and another `sid`."""
    browser, _ = signed_in_as()
    thief = Browser(cookies=dict(browser.cookies))
    assert thief.me().status == 200
    before = browser.claims()
    assert _change_password(browser).status == 200
    assert thief.me().status == 401
    assert not thief.renew()["Authorization"]
    after = browser.claims()
    assert before["sid"] != after["sid"]
    assert (before["amr"], before["auth_time"]) == (after["amr"], after["auth_time"])


def test_a_weak_one_changes_nothing() -> None:
    browser, email = signed_in_as()
    for password in ("", "short", "password123", "x" * 1025, email):
        answer = _change_password(browser, password)
        assert (answer.status, set(answer.json()["errors"])) == (400, {"password"})
    assert Browser().sign_in(email).status == 200
    assert mails_to(email) == []


def test_a_person_changes_it_on_a_page() -> None:
    browser, email = signed_in_as()
    assert b'autocomplete="new-password"' in browser.visit("/account/password").body
    weak = browser.post_form("/account/password", {"password": "short"})
    assert (weak.status, b'id="password-error"' in weak.body) == (400, True)
    done = browser.post_form("/account/password", {"password": NEW})
    assert (done.status, b"Your password is changed" in done.body) == (200, True)
    assert browser.visit("/account").status == 200
    assert email.encode() in browser.visit("/account").body


def test_a_session_that_has_ended_meanwhile_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who change it at once, the second's session was ended by the first."""
    from pillion.identity.flows import new_password  # noqa: PLC0415

    browser, email = signed_in_as()
    encode = new_password.encode

    def slow(user: User, password: str) -> str:
        encoded = encode(user, password)
        sessions.revoke(Session.objects.filter(user=user), timezone.now())
        return encoded

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(new_password, "encode", slow)
        assert _change_password(browser).status == 401
    assert Browser().sign_in(email, PASSWORD).status == 200


def test_the_account_is_gone_with_its_sessions_and_cookies() -> None:
    browser, email = signed_in_as()
    other = Browser()
    other.sign_in(email)
    token = browser.cookies["pillion-token"]
    assert browser.visit("/account/delete").status == 200
    assert User.objects.filter(email=email).exists()
    assert browser.post_json("/account/delete", {}).status == 204
    assert browser.cookies == {}
    assert not User.objects.filter(email=email).exists()
    assert not EmailAddress.objects.filter(email=email).exists()
    assert other.me().status == 401
    assert Browser(cookies={"pillion-token": token}).me().status == 401
    assert Browser().sign_in(email).status == 401
    assert subjects_to(email) == ["Your account was deleted"]


def test_a_person_is_told_so() -> None:
    browser, _ = signed_in_as()
    done = browser.post_form("/account/delete", {})
    assert (done.status, b"Your account is deleted" in done.body) == (200, True)
    assert browser.visit("/account").status == 303


def test_the_address_is_free_again() -> None:
    browser, email = signed_in_as()
    sub = browser.me().json()["sub"]
    browser.post_json("/account/delete", {})
    Browser().post_json("/sign-up", {"email": email, "password": NEW})
    answer = Browser().post_json("/account/verify", {"key": key_to(email, "verify"), "password": NEW})
    assert answer.json()["user"]["sub"] != sub


def test_links_of_a_deleted_account_lead_nowhere() -> None:
    browser, email = signed_in_as()
    new = new_email()
    Browser().post_json("/account/forgot", {"email": email})
    browser.post_json("/account/email", {"email": new})
    reset, verify = key_to(email, "reset"), key_to(new, "verify")
    browser.post_json("/account/delete", {})
    assert Browser().post_json("/account/reset", {"key": reset, "password": NEW}).status == 410
    assert Browser().post_json("/account/verify", {"key": verify, "password": PASSWORD}).status == 410


def test_the_account_page_leads_to_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    browser, _ = signed_in_as()
    page = browser.visit("/account").body.decode()
    for path in (*DANGEROUS, "/account/sessions"):
        assert f'href="{path}"' in page
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"mailbox_key": None}))
    assert "/account/email" not in browser.visit("/account").body.decode()
    assert browser.visit("/account/email").status == 404


def test_proof_of_five_minutes_ago_is_enough_for_no_more_than_that() -> None:
    browser, email = signed_in_as()
    row = Session.objects.get(user__email=email)
    row.data["account_authentication_methods"][0]["at"] -= timedelta(minutes=5, seconds=-20).total_seconds()
    row.save()
    assert browser.visit("/account/delete").status == 200
    row.data["account_authentication_methods"][0]["at"] -= 21
    row.save()
    assert browser.visit("/account/delete").status == 303


def test_noise_from_somebody_who_is_signed_in_never_ends_in_a_server_error() -> None:
    chance = random.Random(11)
    browser, _ = signed_in_as()
    paths = ("confirm", "password", "email", "sessions/end", "verify", "reset", "verify/again", "forgot")
    for number in range(400):
        browser.address = f"10.2.{number // 250}.{number % 250}"
        fields: dict[str, Any] = {
            name: chance.choice(
                [None, 7, [], {}, "", "\u2603", "a@b.c", "x" * 3000, "\0", "\ud800", "all", True]
            )
            for name in ("email", "password", "key", "session")
        }
        body = json.dumps(fields).encode()
        if number % 3 == 0:
            body = bytes(chance.choice([byte, chance.randrange(256)]) for byte in body)
        answer = browser.ask(
            "POST", f"/account/{chance.choice(paths)}", body, content_type="application/json"
        )
        assert answer.status < 500, (answer.body, body)
        if "pillion-session" not in browser.cookies:  # "all": signed out everywhere
            browser, _ = signed_in_as()
