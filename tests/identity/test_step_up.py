"""Showing a second factor because a rule asks for it: `/account/step-up`."""

import pytest

from tests.identity.authenticator_app import App
from tests.identity.browser import Browser, new_user, signed_in
from tests.identity.half_way import claims
from tests.identity.test_security import CONFIRM, TOTP, with_app

STEP_UP = "/account/step-up"


def test_a_person_who_has_a_second_factor_is_led_to_show_it() -> None:
    """And back, by a token that says so: the browser's old one is replaced at once."""
    email, browser = new_user(), Browser()
    browser.sign_in(email)
    other = Browser()
    other.sign_in(email)
    app = App(other.ask("GET", TOTP).json()["secret"])
    other.post_json(TOTP, {"code": app.code()})
    led = browser.visit(f"{STEP_UP}?next=/payouts%3Fa%3Db")
    assert led["Location"] == "/account/confirm?next=%2Fpayouts%3Fa%3Db"
    done = browser.post_form(CONFIRM, {"code": app.code(1), "next": "/payouts?a=b"})
    assert done["Location"] == "/payouts?a=b"
    assert "mfa" in claims(browser)["amr"]


def test_a_person_who_has_none_is_told_how_to_get_one() -> None:
    """With a way on."""
    page = signed_in().visit(f"{STEP_UP}?next=/payouts")
    assert page.status == 200
    assert f'href="{TOTP}"' in page.body.decode()
    assert 'href="/payouts"' in page.body.decode()


def test_a_token_from_before_is_replaced_on_the_way() -> None:
    """The session has shown it since: no second time."""
    browser, _, _ = with_app()
    browser.cookies["pillion-token"] = "stale"
    led = browser.visit(f"{STEP_UP}?next=/payouts")
    assert led["Location"] == "/payouts"
    assert "mfa" in claims(browser)["amr"]


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_led_to_another_origin(wanted: str) -> None:
    """An open redirect."""
    browser, _, _ = with_app()
    assert browser.visit(f"{STEP_UP}?next={wanted}")["Location"] == "/"
    assert "evil" not in signed_in().visit(f"{STEP_UP}?next={wanted}").body.decode()


def test_a_stranger_signs_in_first() -> None:
    """And comes back."""
    led = Browser().visit(f"{STEP_UP}?next=/payouts")
    assert led["Location"] == "/sign-in?next=%2Faccount%2Fstep-up%3Fnext%3D%2Fpayouts"
