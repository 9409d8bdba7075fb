"""What a sign-in that waits for its second step is worth, what ends it, and how often one may try."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import accounts, limits
from pillion.identity.flows import second_step
from pillion.identity.models import Session
from pillion.identity.session_store import SessionStore
from pillion.identity.sessions import hash_of
from tests.identity.authenticator_app import recovery_codes, user_with_app
from tests.identity.browser import PASSWORD, Browser, new_user
from tests.identity.half_way import STEP, give, half_signed_in


def test_a_sign_in_that_waits_is_worth_nothing() -> None:
    """No token, no account page, no session that a renewal, `/me` or a sign-out takes for one."""
    browser, email, _ = half_signed_in()
    assert browser.renew()["Authorization"] == ""
    assert browser.ask("GET", "/account", accept="text/html").status == 303
    for path in ("/account/security", "/account/security/totp", "/account/security/recovery-codes"):
        assert browser.ask("GET", path).status == 401
    assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 401
    assert not Session.objects.filter(user__email=email).exists()


def test_its_cookie_survives_what_else_the_browser_asks_for() -> None:
    """A page that asks a service meanwhile leads to renewals, which take dead sessions' cookies away."""
    browser, _, app = half_signed_in()
    assert browser.renew().set_cookies == {}
    assert give(browser, app.code()).status == 200
    assert set(Browser(cookies={"pillion-session": "A" * 43}).renew().set_cookies) == {
        "pillion-session",
        "pillion-token",
    }


def test_the_sixth_wrong_code_has_to_wait_wherever_it_comes_from() -> None:
    """429, Retry-After; the right one does not help, nor another address, nor a new sign-in."""
    browser, email, app = half_signed_in("198.51.100.20")
    assert [give(browser, "000000").status for _ in range(5)] == [401] * 5
    answer = give(browser, app.code())
    assert (answer.status, answer.code) == (429, "too-many-tries")
    assert 0 < int(answer["Retry-After"]) <= 300
    other = Browser("198.51.100.21")
    other.sign_in(email)
    assert give(other, app.code()).status == 429
    page = other.post_form(STEP, {"code": app.code()})
    assert page.status == 429
    assert b"Try again in" in page.body


def test_a_guesser_at_many_accounts_has_to_wait() -> None:
    """Per address; another address is let on."""
    old = dict(limits.RATES)  # thirty accounts would take too long
    limits.RATES["second-factor-per-address"] = limits.Rate(3, 300, by_network=True)
    try:
        statuses = []
        waiting = [half_signed_in("198.51.100.30")[0] for _ in range(4)]
        statuses = [give(browser, "000000").status for browser in waiting]
        assert statuses == [401, 401, 401, 429]
        elsewhere, _, app = half_signed_in("198.51.100.31")
        assert give(elsewhere, app.code()).status == 200
    finally:
        limits.RATES.update(old)


def test_a_patient_guesser_has_to_wait_for_a_day() -> None:
    """Fifty tries a day for an account: three codes of a million are good at a time."""
    old = dict(limits.RATES)  # as above
    limits.RATES["second-factor-per-account"] = limits.Rate(100, 300)
    try:
        browser, _, app = half_signed_in("198.51.100.40")
        limits.RATES["second-factor-per-address"] = limits.Rate(100, 300, by_network=True)
        assert [give(browser, "000000").status for _ in range(50)] == [401] * 50
        answer = give(browser, app.code())
        assert answer.status == 429
        assert int(answer["Retry-After"]) > 86000
    finally:
        limits.RATES.update(old)


def test_signing_in_uses_nothing_up() -> None:
    """Only failures count."""
    email, _ = user_with_app()
    for code in recovery_codes(email)[:6]:
        browser = Browser()
        browser.sign_in(email)
        assert give(browser, code).status == 200


def test_disabling_the_account_ends_it() -> None:
    """Between the two steps; enabling does not bring it to life."""
    browser, email, app = half_signed_in()
    accounts.set_active(email, active=False)
    assert give(browser, app.code()).code == "no-sign-in-waits"
    accounts.set_active(email, active=True)
    assert give(browser, app.code()).code == "no-sign-in-waits"


def test_a_new_password_ends_it() -> None:
    """Whoever knew the old one gets no further."""
    browser, email, app = half_signed_in()
    accounts.set_password(email, "another horse battery staple")
    assert give(browser, app.code()).code == "no-sign-in-waits"
    led = browser.visit(f"{STEP}?next=/x")
    assert (led.status, led["Location"]) == (303, "/sign-in?next=%2Fx")


def test_a_change_of_the_second_factors_ends_it() -> None:
    """An operator has reset them, say."""
    browser, email, app = half_signed_in()
    Authenticator.objects.filter(user__email=email, type=Authenticator.Type.TOTP).delete()
    assert give(browser, app.code()).code == "no-sign-in-waits"


def test_deleting_the_account_ends_it() -> None:
    """The session is nobody's, and stays so."""
    browser, email, app = half_signed_in()
    accounts.delete_user(email)
    assert give(browser, app.code()).code == "no-sign-in-waits"


def test_it_ends_after_fifteen_minutes() -> None:
    """And what is left of it is taken away."""
    browser, _, app = half_signed_in()
    row = Session.objects.filter(user=None, revoked_at=None).latest("created_at")
    assert row.expires_at - row.created_at == timedelta(minutes=15)
    Session.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert give(browser, app.code()).code == "no-sign-in-waits"
    SessionStore.clear_expired()
    assert not Session.objects.filter(pk=row.pk).exists()


def test_the_second_step_changes_the_cookie() -> None:
    """Fixation: whoever planted the cookie of a sign-in that waits, or saw it, has nothing when it is finished."""
    browser, _, app = half_signed_in()
    seen = Browser(cookies=dict(browser.cookies))
    assert give(browser, app.code()).status == 200
    assert browser.cookies["pillion-session"] != seen.cookies["pillion-session"]
    assert seen.renew()["Authorization"] == ""
    assert give(seen, app.code(1)).code == "no-sign-in-waits"


def test_signing_in_as_another_ends_what_waits() -> None:
    """Of two sign-ins in one browser the later counts."""
    browser, _, app = half_signed_in()
    other = new_user()
    assert browser.sign_in(other).status == 200
    assert give(browser, app.code()).code == "no-sign-in-waits"
    assert browser.me().json()["email"] == other


def test_whoever_was_signed_in_before_is_not_the_one_who_waits() -> None:
    """The old session ends with the first step, and the second one is of the new account."""
    email, app = user_with_app()
    browser = Browser()
    browser.sign_in(new_user())
    before = dict(browser.cookies)
    assert browser.sign_in(email).code == "second-factor-required"
    assert Browser(cookies=before).renew()["Authorization"] == ""
    assert give(browser, app.code()).json()["user"]["email"] == email


def test_one_persons_code_does_not_finish_anothers_sign_in() -> None:
    """Nor their recovery codes."""
    browser, _, _ = half_signed_in()
    email, app = user_with_app()
    assert give(browser, app.code()).code == "wrong-code"
    assert give(browser, recovery_codes(email)[0]).code == "wrong-code"


def test_whose_session_ends_while_they_are_answered_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found when the session is to be saved, after the view: no mistake of the caller's."""
    browser, _, _ = half_signed_in()
    whole = second_step.passkey_options

    def ended_meanwhile(request: HttpRequest) -> dict[str, object]:
        options = whole(request)
        Session.objects.filter(key_hash=hash_of(browser.cookies["pillion-session"])).delete()
        return options

    monkeypatch.setattr(second_step, "passkey_options", ended_meanwhile)
    answer = browser.post_json(f"{STEP}/options", {})
    assert (answer.status, answer.code) == (401, "not-signed-in")
    assert "ended in the meantime" in answer.json()["detail"]
