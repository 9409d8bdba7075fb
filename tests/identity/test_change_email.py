"""Changing the address of one's account: it counts when it is confirmed."""

import pytest
from allauth.account.models import EmailAddress

from pillion.identity import accounts
from pillion.identity.models import User
from tests.identity.browser import PASSWORD, Browser, new_email, new_user, signed_in_as
from tests.identity.mailed import key_to, last_mail_to, link_to, subjects_to

pytestmark = pytest.mark.usefixtures("mail")

NEW = "an entirely new passphrase"


def _change_password(browser: Browser) -> None:
    assert browser.post_json("/account/password", {"password": NEW}).status == 200


def test_it_changes_when_the_new_one_is_confirmed_and_the_old_one_is_told() -> None:
    browser, old = signed_in_as()
    new = new_email()
    answer = browser.post_json("/account/email", {"email": new.upper()})
    assert (answer.status, answer.json()) == (202, {"mailed_to": new})
    assert subjects_to(new) == ["Confirm your new address"]
    assert subjects_to(old) == ["Your address is about to be changed"]
    assert browser.me().json()["email"] == old
    assert browser.post_json("/account/verify", {"key": key_to(new, "verify")}).status == 200
    assert browser.me().json()["email"] == browser.claims()["email"] == new
    assert subjects_to(old)[-1] == "Your address was changed"
    assert new in last_mail_to(old).text
    assert Browser().sign_in(old).status == 401
    assert Browser().sign_in(new).status == 200
    assert list(EmailAddress.objects.filter(user__email=new).values_list("email", "verified", "primary")) == [
        (new, True, True)
    ]


def test_it_can_be_confirmed_elsewhere_with_the_password() -> None:
    browser, _ = signed_in_as()
    new, phone = new_email(), Browser()
    browser.post_json("/account/email", {"email": new})
    key = key_to(new, "verify")
    assert phone.post_json("/account/verify", {"key": key}).status == 400
    assert phone.post_json("/account/verify", {"key": key, "password": "not this one"}).status == 403
    assert phone.post_json("/account/verify", {"key": key, "password": PASSWORD}).status == 200
    assert phone.me().json()["email"] == new


def test_an_address_that_is_taken_gets_the_same_answer_and_stays_its_owners() -> None:
    browser, _ = signed_in_as()
    taken = new_user()
    assert browser.post_json("/account/email", {"email": taken}).status == 202
    assert subjects_to(taken) == ["You have an account already"]


def test_one_that_is_taken_meanwhile_stays_its_owners() -> None:
    browser, old = signed_in_as()
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
    browser, _ = signed_in_as()
    new = new_email()
    browser.post_json("/account/email", {"email": new})
    Browser().post_json("/sign-up", {"email": new, "password": NEW})
    assert "Confirm your address" in subjects_to(new)


def test_a_new_password_stops_a_change_that_somebody_else_has_begun() -> None:
    browser, email = signed_in_as()
    evil = new_email()
    browser.post_json("/account/email", {"email": evil})
    key = key_to(evil, "verify")
    _change_password(browser)
    answer = Browser().post_json("/account/verify", {"key": key, "password": PASSWORD})
    assert (answer.status, answer.code) == (410, "link-expired")
    assert User.objects.filter(email=email).exists()


def test_the_link_to_an_earlier_choice_is_dead_after_a_later_one() -> None:
    browser, _ = signed_in_as()
    first, second = new_email(), new_email()
    for email in (first, second):
        browser.post_json("/account/email", {"email": email})
    assert browser.post_json("/account/verify", {"key": key_to(second, "verify")}).status == 200
    assert browser.post_json("/account/verify", {"key": key_to(first, "verify")}).status == 410


@pytest.mark.parametrize(
    "email", ["", "ada", "a b@example.org", "x" * 250 + "@example.org", "a@b\r\nBcc: c@d"]
)
def test_what_is_no_address_is_not_taken(email: str) -> None:
    browser, _ = signed_in_as()
    answer = browser.post_json("/account/email", {"email": email})
    assert (answer.status, set(answer.json()["errors"])) == (400, {"email"})


def test_the_same_one_is_no_change() -> None:
    browser, email = signed_in_as()
    assert browser.post_json("/account/email", {"email": email.upper()}).status == 400


def test_a_person_changes_it_on_pages() -> None:
    browser, _ = signed_in_as()
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
