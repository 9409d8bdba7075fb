"""Making an account by oneself."""

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings

from pillion.identity.models import User
from tests.identity.browser import PASSWORD, Browser, new_email, new_user


def test_signing_up_signs_in() -> None:
    """With both cookies, and the same answer as a sign-in."""
    browser = Browser()
    email = new_email()
    answer = browser.post_json("/sign-up", {"email": email.upper(), "password": PASSWORD})
    assert answer.status == 200
    assert answer.json()["user"]["email"] == email
    assert browser.me().json()["email"] == email
    assert browser.renew()["Authorization"]
    assert User.objects.get(email=email).password.startswith("argon2$argon2id$v=19$")
    assert Browser().sign_in(email).status == 200


def test_a_person_who_signs_up_goes_on() -> None:
    """303."""
    fields = {"email": new_email(), "password": PASSWORD, "next": "/cart"}
    answer = Browser().post_form("/sign-up", fields)
    assert (answer.status, answer["Location"]) == (303, "/cart")


def test_an_address_has_one_account_in_any_spelling() -> None:
    """Case and compatibility forms (NFKC) are one."""
    email = new_user()
    full_width = "".join(chr(ord(character) + 0xFEE0) for character in email.partition("@")[0])
    for spelling in (email, email.upper(), f"{full_width}@{email.partition('@')[2]}", f" {email} "):
        answer = Browser().post_json("/sign-up", {"email": spelling, "password": PASSWORD})
        assert (answer.status, answer.code) == (409, "email-taken")
    assert EmailAddress.objects.filter(email=email).count() == 1


@pytest.mark.parametrize("password", ["short", "password123", "1234567890", "x" * 1025, "", "ada.lovelace"])
def test_a_weak_password_is_not_taken(password: str) -> None:
    """NIST SP 800-63B: length, common passwords, what is known of the user."""
    answer = Browser().post_json("/sign-up", {"email": "ada.lovelace@example.org", "password": password})
    assert answer.status == 400
    assert set(answer.json()["errors"]) == {"password"}


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.org", "a b@example.org", "a@b", "x" * 250 + "@example.org"]
)
def test_what_is_no_address_is_not_taken(email: str) -> None:
    """With the field named."""
    answer = Browser().post_json("/sign-up", {"email": email, "password": PASSWORD})
    assert answer.status == 400
    assert set(answer.json()["errors"]) == {"email"}


def test_a_long_password_of_any_characters_is_taken() -> None:
    """NIST SP 800-63B: 64 at least, spaces and Unicode."""
    email, password = new_email(), " p\u00e4ss \u2603 " * 100
    assert Browser().post_json("/sign-up", {"email": email, "password": password}).status == 200
    assert Browser().sign_in(email, password).status == 200
    assert Browser().sign_in(email, password.strip()).status == 401


def test_a_person_sees_which_field_was_wrong() -> None:
    """Tied to the field by aria-describedby."""
    page = Browser().post_form("/sign-up", {"email": new_email(), "password": "password123"}).body.decode()
    assert 'id="password-error"' in page
    assert 'aria-describedby="password-error password-hint"' in page
    assert "password123" not in page


def test_a_closed_sign_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a page and as a problem, and makes nobody."""
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"sign_up": "closed"}))
    email = new_email()
    for answer in (
        Browser().post_json("/sign-up", {"email": email, "password": PASSWORD}),
        Browser().ask("GET", "/sign-up"),
    ):
        assert (answer.status, answer.code) == (404, "sign-up-closed")
    page = Browser().ask("GET", "/sign-up", accept="text/html")
    assert page.status == 404
    assert b"ask them for one" in page.body
    assert b"/sign-up" not in Browser().ask("GET", "/sign-in", accept="text/html").body
    assert not User.objects.filter(email=email).exists()
