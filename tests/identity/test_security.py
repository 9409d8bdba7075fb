"""Adding and removing second factors, and what guards that."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator

from pillion.identity.models import Session
from tests.identity.authenticator_app import App, recovery_codes, user_with_app
from tests.identity.browser import PASSWORD, Browser, new_email, new_user, signed_in
from tests.identity.half_way import claims, give
from tests.identity.soft_passkey import Passkey

SECURITY, TOTP, CODES = "/account/security", "/account/security/totp", "/account/security/recovery-codes"
CONFIRM = "/account/confirm"


def with_app() -> tuple[Browser, str, App]:
    """Give a browser whose person has signed in by both steps; the app's code of now is used."""
    email, app = user_with_app()
    browser = Browser()
    browser.sign_in(email)
    assert give(browser, app.code()).status == 200
    return browser, email, app


def let_time_pass(email: str) -> None:
    """Let everything that was proven lie six minutes back."""
    row = Session.objects.get(user__email=email, revoked_at=None)
    for record in row.data["account_authentication_methods"]:
        record["at"] -= 360
    row.save()


def test_a_person_adds_an_app_and_sees_the_recovery_codes_once() -> None:
    """Page by page, without JavaScript; from then on a password is not enough."""
    email, browser = new_user(), Browser()
    browser.sign_in(email)
    page = browser.visit(TOTP).body.decode()
    assert "<svg" in page
    assert "<script" not in page
    app = App(page.partition('class="seed">')[2].partition("<")[0].replace(" ", ""))
    wrong = browser.post_form(TOTP, {"code": "000000"})
    assert wrong.status == 403
    assert 'role="alert"' in wrong.body.decode()
    assert app.seed[:4] in wrong.body.decode()
    added = browser.post_form(TOTP, {"code": app.code()})
    assert (added.status, added["Location"]) == (303, CODES)
    first, second = (browser.visit(CODES).body.decode() for _ in range(2))
    assert all(f"<code>{code}</code>" in first for code in recovery_codes(email))
    assert "cannot be shown again" in second
    assert not any(code in second for code in recovery_codes(email))
    assert "10 are left" in browser.visit(SECURITY).body.decode()
    assert Browser().sign_in(email).code == "second-factor-required"


def test_who_adds_a_second_factor_has_shown_it() -> None:
    """The browser gets a token that says so at once; the code is used up."""
    browser = signed_in()
    app = App(browser.ask("GET", TOTP).json()["secret"])
    assert claims(browser)["amr"] == ["pwd"]
    assert browser.post_json(TOTP, {"code": app.code()}).status == 201
    assert claims(browser)["amr"] == ["mfa", "otp", "pwd"]
    other = Browser()
    other.sign_in(browser.me().json()["email"])
    assert give(other, app.code()).code == "wrong-code"


def test_the_uri_of_the_app_names_the_mesh_and_the_account() -> None:
    """As apps show it."""
    browser = signed_in()
    email = browser.me().json()["email"]
    uri = browser.ask("GET", TOTP).json()["uri"]
    assert uri.startswith(f"otpauth://totp/{email.replace('@', '%40')}?secret=")
    assert uri.endswith("&issuer=shop")


def test_recovery_codes_come_with_the_first_second_factor_alone() -> None:
    """The next one leads back to what there is."""
    browser, _, _ = with_app()
    browser.ask("GET", CODES)
    options = browser.post_json(f"{SECURITY}/passkeys/options", {}).json()
    made = {"name": "x", "credential": Passkey().made(options)}
    assert browser.post_form(f"{SECURITY}/passkeys", made)["Location"] == SECURITY


def test_recovery_codes_can_be_made_anew() -> None:
    """The old ones are good no more."""
    browser, email, _ = with_app()
    old = recovery_codes(email)
    new = browser.post_json(CODES, {}).json()["recovery_codes"]
    assert len(new) == 10
    assert set(new) == set(recovery_codes(email))
    assert not set(new) & set(old)
    assert browser.ask("GET", CODES).json() == {"recovery_codes": []}
    other = Browser()
    other.sign_in(email)
    assert give(other, old[0]).code == "wrong-code"
    assert give(other, new[0]).status == 200


def test_a_look_without_a_body_shows_nothing_away() -> None:
    """HEAD: the codes are still to be seen."""
    browser, _, _ = with_app()
    assert browser.ask("HEAD", CODES).status == 200
    assert len(browser.ask("GET", CODES).json()["recovery_codes"]) == 10


def test_removing_the_app_takes_the_recovery_codes_with_it() -> None:
    """Then the password is enough again."""
    browser, email, _ = with_app()
    assert browser.visit(f"{TOTP}/remove").status == 200
    done = browser.post_form(f"{TOTP}/remove", {})
    assert (done.status, done["Location"]) == (303, SECURITY)
    assert not Authenticator.objects.filter(user__email=email).exists()
    assert Browser().sign_in(email).status == 200
    assert browser.post_json(f"{TOTP}/remove", {}).code == "no-such-factor"
    assert browser.post_json(CODES, {}).code == "no-such-factor"


DANGEROUS: list[tuple[str, str, Any]] = [
    ("GET", TOTP, None),
    ("POST", TOTP, {"code": "000000"}),
    ("POST", f"{TOTP}/remove", {}),
    ("POST", CODES, {}),
    ("GET", CODES, None),
    ("POST", f"{SECURITY}/passkeys", {"credential": "{}"}),
    ("POST", f"{SECURITY}/passkeys/options", {}),
    ("POST", f"{SECURITY}/passkeys/remove", {"id": "1"}),
]


def ask(browser: Browser, method: str, path: str, document: Any) -> Any:
    """Send it as a program does."""
    return browser.post_json(path, document) if method == "POST" else browser.ask(method, path)


@pytest.mark.parametrize(("method", "path", "document"), DANGEROUS, ids=str)
def test_each_step_asks_first_who_it_is(method: str, path: str, document: Any) -> None:
    """A borrowed browser adds and removes nothing, though its session has shown a second factor once."""
    browser, email, _ = with_app()
    let_time_pass(email)
    before = list(Authenticator.objects.filter(user__email=email).values())
    assert ask(browser, method, path, document).code == "confirm-first"
    assert list(Authenticator.objects.filter(user__email=email).values()) == before


def test_a_password_does_not_confirm_where_there_is_a_second_factor() -> None:
    """Whoever has found it out, and a session, does not take the second factor away."""
    browser, email, app = with_app()
    let_time_pass(email)
    refused = browser.post_json(CONFIRM, {"password": PASSWORD})
    assert (refused.status, refused.code) == (403, "second-factor-required")
    assert refused.json()["second_factors"] == ["totp", "recovery-code"]
    assert browser.post_json(f"{TOTP}/remove", {}).code == "confirm-first"
    assert browser.post_json(CONFIRM, {"code": app.code(1)}).status == 200
    assert browser.post_json(f"{TOTP}/remove", {}).status == 204


def test_a_session_from_before_the_second_factor_must_show_it() -> None:
    """It has only ever proven the password, though lately."""
    email, old = new_user(), Browser()
    old.sign_in(email)
    other = Browser()
    other.sign_in(email)
    app = App(other.ask("GET", TOTP).json()["secret"])
    other.post_json(TOTP, {"code": app.code()})
    for method, path, document in DANGEROUS:
        assert ask(old, method, path, document).code == "confirm-first"
    assert old.post_json(CONFIRM, {"code": app.code(1)}).status == 200
    assert claims(old)["amr"] == ["mfa", "otp", "pwd"]


def test_a_person_confirms_by_the_second_factor() -> None:
    """The page asks for a code, not for the password, and leads back."""
    browser, email, app = with_app()
    let_time_pass(email)
    led = browser.visit(f"{TOTP}/remove")
    assert led["Location"] == "/account/confirm?next=%2Faccount%2Fsecurity%2Ftotp%2Fremove"
    page = browser.visit(led["Location"]).body.decode()
    assert 'name="code"' in page
    assert 'name="password"' not in page
    wrong = browser.post_form(CONFIRM, {"code": "000000", "next": "/x"})
    assert wrong.status == 403
    assert 'role="alert"' in wrong.body.decode()
    done = browser.post_form(CONFIRM, {"code": app.code(1), "next": f"{TOTP}/remove"})
    assert (done.status, done["Location"]) == (303, f"{TOTP}/remove")


@pytest.mark.parametrize("document", [{}, {"code": ""}, {"password": ""}, {"credential": ""}])
def test_an_empty_form_confirms_nothing(document: dict[str, str]) -> None:
    """400."""
    browser, _, _ = with_app()
    assert browser.post_json(CONFIRM, document).status == 400


def test_tries_to_confirm_and_to_sign_in_count_together() -> None:
    """There is no second way to guess."""
    browser, email, app = with_app()
    assert [browser.post_json(CONFIRM, {"code": "000000"}).status for _ in range(5)] == [403] * 5
    assert browser.post_json(CONFIRM, {"code": app.code(1)}).status == 429
    other = Browser()
    other.sign_in(email)
    assert give(other, app.code(1)).status == 429


def test_a_code_that_confirmed_signs_nobody_in() -> None:
    """Good once, wherever."""
    browser, email, app = with_app()
    assert browser.post_json(CONFIRM, {"code": app.code(1)}).status == 200
    other = Browser()
    other.sign_in(email)
    assert give(other, app.code(1)).code == "wrong-code"


def test_a_second_app_is_refused() -> None:
    """One at a time."""
    browser, _, _ = with_app()
    assert browser.ask("GET", TOTP).code == "totp-there-already"


def test_a_code_without_a_seed_is_refused() -> None:
    """The page was never opened, or in another browser."""
    assert signed_in().post_json(TOTP, {"code": "000000"}).code == "no-seed-waits"


def test_who_has_not_proven_the_address_adds_none() -> None:
    """Else whoever signs up with somebody's address keeps them out for good."""
    browser, email = Browser(), new_email()
    assert browser.post_json("/sign-up", {"email": email, "password": PASSWORD}).status == 200
    EmailAddress.objects.filter(email=email).update(verified=False)
    for refused in (
        browser.ask("GET", TOTP),
        browser.post_json(TOTP, {"code": "000000"}),
        browser.post_json(f"{SECURITY}/passkeys/options", {}),
        browser.post_json(f"{SECURITY}/passkeys", {"name": "x", "credential": "{}"}),
    ):
        assert (refused.status, refused.code) == (403, "email-unverified")


def test_guesses_at_a_first_code_are_counted() -> None:
    """As any others."""
    browser = signed_in()
    browser.ask("GET", TOTP)
    statuses = [browser.post_json(TOTP, {"code": "000000"}).status for _ in range(6)]
    assert statuses == [403] * 5 + [429]


@pytest.mark.parametrize("number", ["", "0", "-1", "1e3", "²", "9" * 40, "1; DROP TABLE"])
def test_a_passkey_that_is_not_ones_own_cannot_be_removed(number: str) -> None:
    """Whatever number is sent: 404."""
    browser, _, _ = with_app()
    assert browser.post_json(f"{SECURITY}/passkeys/remove", {"id": number}).code == "no-such-factor"


def test_nobody_else_sees_or_changes_anything() -> None:
    """A stranger is led to the sign-in page, or refused."""
    for method, path, document in DANGEROUS:
        assert ask(Browser(), method, path, document).code == "not-signed-in"
    assert Browser().visit(SECURITY)["Location"] == "/sign-in?next=%2Faccount%2Fsecurity"


def test_another_site_changes_nothing() -> None:
    """CSRF."""
    browser, _, _ = with_app()
    for path in (f"{TOTP}/remove", CODES, f"{SECURITY}/passkeys", CONFIRM):
        answer = browser.post_json(path, {}, origin="https://evil.example")
        assert answer.code == "cross-origin-request"


def test_a_program_learns_what_there_is() -> None:
    """As the page shows it."""
    browser, _, _ = with_app()
    assert browser.ask("GET", SECURITY).json() == {"totp": True, "passkeys": [], "recovery_codes_left": 10}
    assert signed_in().ask("GET", SECURITY).json() == {
        "totp": False,
        "passkeys": [],
        "recovery_codes_left": None,
    }
