"""Where an address need not be confirmed before the first sign-in: `identity.verification: optional`."""

import pytest

from tests.identity.browser import PASSWORD, Browser, new_email, new_user
from tests.identity.mailed import key_to, link_to

pytestmark = pytest.mark.usefixtures("mail_unasked")

OTHER = "quite another passphrase"


def test_who_signs_up_is_signed_in_but_services_are_told_no_address() -> None:
    email, browser = new_email(), Browser()
    assert browser.post_json("/sign-up", {"email": email, "password": PASSWORD}).status == 200
    assert "email" not in browser.claims()
    assert browser.me().json()["email_verified"] is False
    browser.renew()
    assert "email" not in browser.claims()


def test_the_address_counts_as_soon_as_it_is_confirmed() -> None:
    email, browser = new_email(), Browser()
    browser.post_json("/sign-up", {"email": email, "password": PASSWORD})
    page = browser.visit(link_to(email, "verify"))
    assert b'name="password"' not in page.body
    answer = browser.post_json("/account/verify", {"key": key_to(email, "verify")})
    assert answer.status == 200
    assert browser.claims()["email"] == email
    browser.renew()
    assert browser.claims()["email"] == email


def test_another_users_session_does_not_confirm_it() -> None:
    email, stranger = new_email(), Browser()
    Browser().post_json("/sign-up", {"email": email, "password": PASSWORD})
    stranger.sign_in(new_user())
    answer = stranger.post_json("/account/verify", {"key": key_to(email, "verify")})
    assert (answer.status, answer.code) == (400, "missing-fields")


def test_a_taken_address_is_said_to_be() -> None:
    assert Browser().post_json("/sign-up", {"email": new_user(), "password": PASSWORD}).status == 409


def test_a_session_begun_before_the_owner_came_ends_with_their_new_password() -> None:
    email, attacker = new_email(), Browser()
    attacker.post_json("/sign-up", {"email": email, "password": OTHER})
    Browser().post_json("/account/forgot", {"email": email})
    fields = {"key": key_to(email, "reset"), "password": PASSWORD}
    assert Browser().post_json("/account/reset", fields).status == 204
    assert attacker.me().status == 401
    assert "Authorization" not in dict(attacker.renew().headers)
