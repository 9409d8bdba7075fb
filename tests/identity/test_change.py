"""Changing the password and the address of one's account, and deleting it."""

import base64
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.utils import timezone

from pillion.identity import accounts, sessions
from pillion.identity.models import Session, User
from tests.identity.browser import PASSWORD, Answer, Browser, new_email, new_user
from tests.identity.mailed import key_to, last_mail_to, link_to, mails_to, subjects_to

pytestmark = pytest.mark.usefixtures("mail")

NEW = "an entirely new passphrase"
DANGEROUS = ("/account/password", "/account/email", "/account/delete")


def _signed_in() -> tuple[Browser, str]:
    browser, email = Browser(), new_user()
    assert browser.sign_in(email).status == 200
    return browser, email


def _grow_old(email: str) -> None:
    """Let ten minutes pass since the sign-in."""
    for row in Session.objects.filter(user__email=email, revoked_at__isnull=True):
        for record in row.data["account_authentication_methods"]:
            record["at"] -= 600
        row.save()


def _claims(browser: Browser) -> dict[str, Any]:
    payload = browser.cookies["pillion-token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def _change_password(browser: Browser, password: str = NEW) -> Answer:
    return browser.post_json("/account/password", {"password": password})


@pytest.mark.parametrize("path", DANGEROUS)
def test_who_did_not_prove_themselves_lately_is_asked_first(path: str) -> None:
    browser, email = _signed_in()
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
    browser, email = _signed_in()
    fields = {"password": NEW, "email": new_email(), "session": "all"}
    answer = browser.post_form(path, fields, origin="https://evil.example", sec_fetch_site="cross-site")
    assert answer.status == 403
    assert browser.me().status == 200
    assert Browser().sign_in(email).status == 200


def test_it_is_changed_here_and_ends_all_other_sessions() -> None:
    browser, email = _signed_in()
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
    browser, _ = _signed_in()
    thief = Browser(cookies=dict(browser.cookies))
    assert thief.me().status == 200
    before = _claims(browser)
    assert _change_password(browser).status == 200
    assert thief.me().status == 401
    assert not thief.renew()["Authorization"]
    after = _claims(browser)
    assert before["sid"] != after["sid"]
    assert (before["amr"], before["auth_time"]) == (after["amr"], after["auth_time"])


def test_a_weak_one_changes_nothing() -> None:
    browser, email = _signed_in()
    for password in ("", "short", "password123", "x" * 1025, email):
        answer = _change_password(browser, password)
        assert (answer.status, set(answer.json()["errors"])) == (400, {"password"})
    assert Browser().sign_in(email).status == 200
    assert mails_to(email) == []


def test_a_person_changes_it_on_a_page() -> None:
    browser, email = _signed_in()
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

    browser, email = _signed_in()
    encode = new_password.encode

    def slow(user: User, password: str) -> str:
        encoded = encode(user, password)
        sessions.revoke(Session.objects.filter(user=user), timezone.now())
        return encoded

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(new_password, "encode", slow)
        assert _change_password(browser).status == 401
    assert Browser().sign_in(email, PASSWORD).status == 200


def test_it_changes_when_the_new_one_is_confirmed_and_the_old_one_is_told() -> None:
    browser, old = _signed_in()
    new = new_email()
    answer = browser.post_json("/account/email", {"email": new.upper()})
    assert (answer.status, answer.json()) == (202, {"mailed_to": new})
    assert subjects_to(new) == ["Confirm your new address"]
    assert subjects_to(old) == ["Your address is about to be changed"]
    assert browser.me().json()["email"] == old
    assert browser.post_json("/account/verify", {"key": key_to(new, "verify")}).status == 200
    assert browser.me().json()["email"] == _claims(browser)["email"] == new
    assert subjects_to(old)[-1] == "Your address was changed"
    assert new in last_mail_to(old).text
    assert Browser().sign_in(old).status == 401
    assert Browser().sign_in(new).status == 200
    assert list(EmailAddress.objects.filter(user__email=new).values_list("email", "verified", "primary")) == [
        (new, True, True)
    ]


def test_it_can_be_confirmed_elsewhere_with_the_password() -> None:
    browser, _ = _signed_in()
    new, phone = new_email(), Browser()
    browser.post_json("/account/email", {"email": new})
    key = key_to(new, "verify")
    assert phone.post_json("/account/verify", {"key": key}).status == 400
    assert phone.post_json("/account/verify", {"key": key, "password": "not this one"}).status == 403
    assert phone.post_json("/account/verify", {"key": key, "password": PASSWORD}).status == 200
    assert phone.me().json()["email"] == new


def test_an_address_that_is_taken_gets_the_same_answer_and_stays_its_owners() -> None:
    browser, _ = _signed_in()
    taken = new_user()
    assert browser.post_json("/account/email", {"email": taken}).status == 202
    assert subjects_to(taken) == ["You have an account already"]


def test_one_that_is_taken_meanwhile_stays_its_owners() -> None:
    browser, old = _signed_in()
    new = new_email()
    browser.post_json("/account/email", {"email": new})
    key = key_to(new, "verify")
    accounts.add_user(new, "somebody elses passphrase")
    answer = browser.post_json("/account/verify", {"key": key})
    assert (answer.status, answer.code) == (409, "email-taken")
    assert browser.me().json()["email"] == old
    assert Browser().sign_in(new, "somebody elses passphrase").status == 200


def test_a_wanted_address_keeps_nobody_from_it() -> None:
    """Nothing is reserved: who really has it can sign up meanwhile."""
    browser, _ = _signed_in()
    new = new_email()
    browser.post_json("/account/email", {"email": new})
    Browser().post_json("/sign-up", {"email": new, "password": NEW})
    assert "Confirm your address" in subjects_to(new)


def test_a_new_password_stops_a_change_that_somebody_else_has_begun() -> None:
    browser, email = _signed_in()
    evil = new_email()
    browser.post_json("/account/email", {"email": evil})
    key = key_to(evil, "verify")
    _change_password(browser)
    answer = Browser().post_json("/account/verify", {"key": key, "password": PASSWORD})
    assert (answer.status, answer.code) == (410, "link-expired")
    assert User.objects.filter(email=email).exists()


def test_the_link_to_an_earlier_choice_is_dead_after_a_later_one() -> None:
    browser, _ = _signed_in()
    first, second = new_email(), new_email()
    for email in (first, second):
        browser.post_json("/account/email", {"email": email})
    assert browser.post_json("/account/verify", {"key": key_to(second, "verify")}).status == 200
    assert browser.post_json("/account/verify", {"key": key_to(first, "verify")}).status == 410


@pytest.mark.parametrize(
    "email", ["", "ada", "a b@example.org", "x" * 250 + "@example.org", "a@b\r\nBcc: c@d"]
)
def test_what_is_no_address_is_not_taken(email: str) -> None:
    browser, _ = _signed_in()
    answer = browser.post_json("/account/email", {"email": email})
    assert (answer.status, set(answer.json()["errors"])) == (400, {"email"})


def test_the_same_one_is_no_change() -> None:
    browser, email = _signed_in()
    assert browser.post_json("/account/email", {"email": email.upper()}).status == 400


def test_a_person_changes_it_on_pages() -> None:
    browser, _ = _signed_in()
    new = new_email()
    assert browser.visit("/account/email").status == 200
    wrong = browser.post_form("/account/email", {"email": "nothing"})
    assert (wrong.status, b'aria-invalid="true"' in wrong.body) == (400, True)
    assert b"Look into your mailbox" in browser.post_form("/account/email", {"email": new}).body
    page = browser.visit(link_to(new, "verify"))
    assert b'name="password"' not in page.body
    done = browser.post_form("/account/verify", {"key": key_to(new, "verify")})
    assert (done.status, done["Location"]) == (303, "/account")
    assert new.encode() in browser.visit("/account").body


def test_the_account_is_gone_with_its_sessions_and_cookies() -> None:
    browser, email = _signed_in()
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
    browser, _ = _signed_in()
    done = browser.post_form("/account/delete", {})
    assert (done.status, b"Your account is deleted" in done.body) == (200, True)
    assert browser.visit("/account").status == 303


def test_the_address_is_free_again() -> None:
    browser, email = _signed_in()
    sub = browser.me().json()["sub"]
    browser.post_json("/account/delete", {})
    Browser().post_json("/sign-up", {"email": email, "password": NEW})
    answer = Browser().post_json("/account/verify", {"key": key_to(email, "verify"), "password": NEW})
    assert answer.json()["user"]["sub"] != sub


def test_links_of_a_deleted_account_lead_nowhere() -> None:
    browser, email = _signed_in()
    new = new_email()
    Browser().post_json("/account/forgot", {"email": email})
    browser.post_json("/account/email", {"email": new})
    reset, verify = key_to(email, "reset"), key_to(new, "verify")
    browser.post_json("/account/delete", {})
    assert Browser().post_json("/account/reset", {"key": reset, "password": NEW}).status == 410
    assert Browser().post_json("/account/verify", {"key": verify, "password": PASSWORD}).status == 410


def test_the_account_page_leads_to_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    browser, _ = _signed_in()
    page = browser.visit("/account").body.decode()
    for path in (*DANGEROUS, "/account/sessions"):
        assert f'href="{path}"' in page
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"mailbox_key": None}))
    assert "/account/email" not in browser.visit("/account").body.decode()
    assert browser.visit("/account/email").status == 404


def test_proof_of_five_minutes_ago_is_enough_for_no_more_than_that() -> None:
    browser, email = _signed_in()
    row = Session.objects.get(user__email=email)
    row.data["account_authentication_methods"][0]["at"] -= timedelta(minutes=5, seconds=-20).total_seconds()
    row.save()
    assert browser.visit("/account/delete").status == 200
    row.data["account_authentication_methods"][0]["at"] -= 21
    row.save()
    assert browser.visit("/account/delete").status == 303


def test_noise_from_somebody_who_is_signed_in_never_ends_in_a_server_error() -> None:
    chance = random.Random(11)
    browser, _ = _signed_in()
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
            browser, _ = _signed_in()
