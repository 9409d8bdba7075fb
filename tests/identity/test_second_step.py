"""The second step of a sign-in: codes, what guards them, and what a sign-in that waits is worth."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.utils import timezone

from pillion.identity.models import Session, User
from tests.identity.authenticator_app import recovery_codes, user_with_app
from tests.identity.browser import PASSWORD, Browser, new_user
from tests.identity.half_way import STEP, WRONG, at_once, claims, give, half_signed_in


def test_a_program_is_told_what_it_may_show() -> None:
    """401, a problem with the kinds, and a session's cookie that continues the sign-in."""
    email, _ = user_with_app()
    browser = Browser()
    answer = browser.sign_in(email)
    assert (answer.status, answer.code) == (401, "second-factor-required")
    assert answer.json()["second_factors"] == ["totp", "recovery-code"]
    assert answer["WWW-Authenticate"].startswith("Pillion-Second-Factor ")
    assert set(browser.cookies) == {"pillion-session"}


def test_a_code_of_the_app_finishes_the_sign_in() -> None:
    """The token says how, and when."""
    browser, email, app = half_signed_in()
    answer = give(browser, app.code())
    assert answer.status == 200
    assert answer.json()["user"]["email"] == email
    assert claims(browser)["amr"] == ["mfa", "otp", "pwd"]
    assert abs(claims(browser)["auth_time"] - timezone.now().timestamp()) < 5
    assert browser.renew()["Authorization"] != ""
    assert browser.me().json()["email"] == email


@pytest.mark.parametrize("written", ["{0}{1}{2} {3}{4}{5}", " {0}-{1}-{2}-{3}-{4}-{5} "])
def test_a_code_may_be_typed_with_blanks_and_dashes(written: str) -> None:
    """As some apps show it."""
    browser, _, app = half_signed_in()
    assert give(browser, written.format(*app.code())).status == 200


def test_a_recovery_code_finishes_it_once() -> None:
    """And counts as a second factor."""
    browser, email, _ = half_signed_in()
    code = recovery_codes(email)[3]
    assert give(browser, code).status == 200
    assert claims(browser)["amr"] == ["mfa", "otp", "pwd"]
    assert len(recovery_codes(email)) == 9
    again = Browser()
    again.sign_in(email)
    assert give(again, code).code == "wrong-code"


def test_a_person_is_led_through_both_steps() -> None:
    """Without JavaScript, to where they wanted to go; a wrong code is said beside the form."""
    email, app = user_with_app()
    browser = Browser()
    led = browser.post_form("/sign-in", {"email": email, "password": PASSWORD, "next": "/orders?a=b"})
    assert (led.status, led["Location"]) == (303, f"{STEP}?next=%2Forders%3Fa%3Db")
    page = browser.visit(led["Location"])
    assert page.status == 200
    assert 'autocomplete="one-time-code"' in page.body.decode()
    assert "<script" not in page.body.decode()
    assert "script-src" not in page["Content-Security-Policy"]
    wrong = browser.post_form(STEP, {"code": "000000", "next": "/orders?a=b"})
    assert wrong.status == 401
    assert 'role="alert"' in wrong.body.decode()
    assert 'value="/orders?a=b"' in wrong.body.decode()
    done = browser.post_form(STEP, {"code": app.code(), "next": "/orders?a=b"})
    assert (done.status, done["Location"]) == (303, "/orders?a=b")


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil"])
def test_nobody_is_led_to_another_origin(wanted: str) -> None:
    """An open redirect, by either step."""
    email, app = user_with_app()
    browser = Browser()
    first = browser.post_form("/sign-in", {"email": email, "password": PASSWORD, "next": wanted})
    assert first["Location"] == f"{STEP}?next=%2F"
    assert b"evil" not in browser.visit(f"{STEP}?next={wanted}").body
    assert browser.post_form(STEP, {"code": app.code(), "next": wanted})["Location"] == "/"


def test_a_wrong_password_does_not_tell_that_there_is_a_second_factor() -> None:
    """The same words."""
    email, _ = user_with_app()
    assert Browser().sign_in(email, WRONG).body == Browser().sign_in(new_user(), WRONG).body


def test_a_code_is_good_once() -> None:
    """RFC 6238, section 5.2: not even for another sign-in, in another process; nor is one of before."""
    browser, email, app = half_signed_in()
    code = app.code()
    assert give(browser, code).status == 200
    cache.clear()  # what allauth remembers it by, for half a minute, unless it is pushed out
    for later in (0, -1):
        other = Browser()
        other.sign_in(email)
        assert give(other, app.code(later)).code == "wrong-code"


def test_a_code_that_comes_twice_at_once_is_good_once() -> None:
    """Whichever is quicker."""
    email, app = user_with_app()
    browsers = [Browser(), Browser()]
    for browser in browsers:
        browser.sign_in(email)
    statuses = at_once(lambda browser: give(browser, app.code()), browsers)
    assert sorted(statuses) == [200, 401]


def test_a_recovery_code_that_comes_twice_at_once_is_good_once() -> None:
    """As above."""
    email, _ = user_with_app()
    code = recovery_codes(email)[0]
    browsers = [Browser(), Browser()]
    for browser in browsers:
        browser.sign_in(email)
    assert sorted(at_once(lambda browser: give(browser, code), browsers)) == [200, 401]


@pytest.mark.parametrize("later", [-2, 2, 20])
def test_a_code_of_another_time_is_wrong(later: int) -> None:
    """But for one step to either side."""
    browser, _, app = half_signed_in()
    assert give(browser, app.code(later)).code == "wrong-code"


def test_without_a_first_step_there_is_no_second() -> None:
    """For a program, and for a person."""
    assert give(Browser(), "000000").code == "no-sign-in-waits"
    assert Browser().visit(STEP)["Location"] == "/sign-in?next=%2F"


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({}, 400),
        ({"code": ""}, 400),
        ({"code": 123456}, 400),
        ({"code": ["123456"]}, 400),
        ({"code": None}, 400),
        ({"code": "12\x00456"}, 400),
        ({"code": "\ud800"}, 400),
        ({"code": "1" * 60000}, 401),
        ({"code": "\uff11\uff12\uff13\uff14\uff15\uff16"}, 401),
        ({"code": "' OR 1=1 --"}, 401),
        ({"code": "-1"}, 401),
        ({"credential": "x"}, 400),
        ({"credential": "{}"}, 400),
        ({"credential": "[]"}, 400),
        ({"credential": "null"}, 400),
        ({"credential": '{"response": null}'}, 400),
        ({"credential": "[" * 30000}, 400),
    ],
    ids=lambda value: str(value)[:40],
)
def test_odd_input_is_wrong_and_nothing_more(document: Any, status: int) -> None:
    """Never a 5xx."""
    browser, _, _ = half_signed_in()
    assert browser.post_json(STEP, document).status == status


def test_a_field_that_comes_twice_is_refused() -> None:
    """Nobody guesses which one counts."""
    browser, _, app = half_signed_in()
    body = f'{{"code": "000000", "code": "{app.code()}"}}'.encode()
    assert browser.ask("POST", STEP, body, content_type="application/json").status == 400
    form = f"code=000000&code={app.code()}".encode()
    kind = "application/x-www-form-urlencoded"
    assert browser.ask("POST", STEP, form, content_type=kind).status == 400


def test_another_site_cannot_finish_a_sign_in() -> None:
    """Login CSRF."""
    browser, _, app = half_signed_in()
    answer = browser.post_json(STEP, {"code": app.code()}, origin="https://evil.example")
    assert (answer.status, answer.code) == (403, "cross-origin-request")


def test_the_seeds_are_encrypted_at_rest() -> None:
    """Neither the database's file nor the session that waits for a first code holds one."""
    browser = Browser()
    email = new_user()
    browser.sign_in(email)
    waiting = browser.ask("GET", "/account/security/totp").json()["secret"]
    data = Session.objects.get(user__email=email, revoked_at=None).data
    assert waiting not in json.dumps(data)
    email, app = user_with_app()
    for row in Authenticator.objects.filter(user__email=email):
        assert app.seed not in json.dumps(row.data)
        assert not set(recovery_codes(email)) & set(json.dumps(row.data).split('"'))
    user = User.objects.get(email=email)
    assert app.seed not in json.dumps(list(Session.objects.filter(user=user).values_list("data", flat=True)))


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64", "A" * 96])
def test_a_seed_that_cannot_be_decrypted_lets_nobody_in(
    sealed: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Changed, or made under another master key: the log says what to do, and the caller may try again."""
    browser, email, app = half_signed_in()
    row = Authenticator.objects.get(user__email=email, type=Authenticator.Type.TOTP)
    row.data["secret"] = sealed
    row.save()
    answer = give(browser, app.code())
    assert (answer.status, answer.code) == (503, "unavailable")
    assert "made under another master key" in caplog.text
    assert "Traceback" not in caplog.text
