"""Proving once more who one is, before what is dangerous."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from pillion.identity import sessions, urls
from pillion.identity.adapter import Adapter
from pillion.identity.models import Session, User
from pillion.identity.views.whose import confirmed
from tests.identity.browser import PASSWORD, Browser, new_user

DANGER = "/account/danger"


@confirmed
def _danger(_: HttpRequest, user: User) -> HttpResponse:
    return HttpResponse(user.email)


@pytest.fixture(autouse=True)
def _a_dangerous_view() -> Iterator[None]:
    from django.urls import clear_url_caches  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urls, "urlpatterns", [*urls.urlpatterns, path(DANGER[1:], _danger)])
        clear_url_caches()
        yield
    clear_url_caches()  # nobody who comes after finds it


def _session(email: str) -> Session:
    return Session.objects.get(user__email=email, revoked_at__isnull=True)


def _signed_in_long_ago(minutes: int = 6) -> tuple[Browser, str]:
    """Give a browser whose person signed in so long ago."""
    browser, email = Browser(), new_user()
    assert browser.sign_in(email).status == 200
    _let_time_pass(email, minutes)
    return browser, email


def _let_time_pass(email: str, minutes: int) -> None:
    row = _session(email)
    for record in row.data["account_authentication_methods"]:
        record["at"] -= minutes * 60
    row.auth_time = timezone.now() - timedelta(minutes=minutes)
    row.save()


def test_who_has_just_signed_in_is_not_asked_again() -> None:
    browser, email = _signed_in_long_ago(minutes=4)
    assert browser.ask("GET", DANGER).body.decode() == email


def test_a_program_is_told_to_confirm_first_and_can() -> None:
    browser, email = _signed_in_long_ago()
    refused = browser.ask("GET", DANGER)
    assert (refused.status, refused.code) == (403, "confirm-first")
    answer = browser.post_json("/account/confirm", {"password": PASSWORD})
    assert answer.status == 200
    assert abs(answer.json()["auth_time"] - timezone.now().timestamp()) < 5
    assert browser.ask("GET", DANGER).body.decode() == email


def test_a_person_is_led_to_the_page_and_back() -> None:
    browser, email = _signed_in_long_ago()
    led = browser.visit(DANGER)
    assert (led.status, led["Location"]) == (303, "/account/confirm?next=%2Faccount%2Fdanger")
    page = browser.visit(led["Location"])
    assert page.status == 200
    assert f'name="next" value="{DANGER}"'.encode() in page.body
    assert email.encode() in page.body
    back = browser.post_form("/account/confirm", {"password": PASSWORD, "next": DANGER})
    assert (back.status, back["Location"]) == (303, DANGER)
    assert browser.visit(DANGER).status == 200


def test_what_a_form_posted_too_late_is_not_done() -> None:
    browser, _ = _signed_in_long_ago()
    assert browser.post_form(DANGER, {"x": "y"})["Location"].startswith("/account/confirm?")


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"]
)
def test_nobody_is_led_to_another_site(wanted: str) -> None:
    browser, _ = _signed_in_long_ago()
    page = browser.visit(f"/account/confirm?next={wanted}")
    assert b'name="next" value="/"' in page.body
    assert browser.post_form("/account/confirm", {"password": PASSWORD, "next": wanted})["Location"] == "/"


def test_a_token_tells_when_and_how_it_was_confirmed() -> None:
    browser, email = _signed_in_long_ago(minutes=60)
    browser.renew()
    before = browser.claims()
    assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 200
    after = browser.claims()
    assert before["auth_time"] + 3500 < after["auth_time"] <= timezone.now().timestamp()
    assert (before["amr"], after["amr"]) == (["pwd"], ["pwd"])
    assert before["sid"] == after["sid"]
    assert browser.me().json()["email"] == email
    browser.renew()
    assert browser.claims()["auth_time"] == after["auth_time"]
    noted = _session(email).auth_time
    assert noted is not None
    assert int(noted.timestamp()) == after["auth_time"]


def test_a_new_sign_in_asks_nothing_of_the_old_session() -> None:
    browser, email = _signed_in_long_ago()
    assert browser.ask("GET", DANGER).status == 403
    assert browser.sign_in(email).status == 200
    assert browser.ask("GET", DANGER).status == 200


@pytest.mark.parametrize(
    ("password", "status", "code"),
    [
        ("", 400, "missing-fields"),
        ("wrong wrong", 403, "wrong-password"),
        ("x" * 1025, 403, "wrong-password"),
    ],
)
def test_a_wrong_password_confirms_nothing(password: str, status: int, code: str) -> None:
    browser, _ = _signed_in_long_ago()
    answer = browser.post_json("/account/confirm", {"password": password})
    assert (answer.status, answer.code) == (status, code)
    assert browser.ask("GET", DANGER).status == 403


def test_guesses_are_counted_like_those_at_the_sign_in() -> None:
    browser, email = _signed_in_long_ago()
    statuses = [browser.post_json("/account/confirm", {"password": "guess"}).status for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    assert browser.sign_in(email).status == 429


def test_a_person_sees_on_the_page_that_the_password_was_wrong() -> None:
    browser, _ = _signed_in_long_ago()
    answer = browser.post_form("/account/confirm", {"password": "guess", "next": DANGER})
    assert answer.status == 403
    assert b"The password is wrong." in answer.body
    assert f'value="{DANGER}"'.encode() in answer.body
    assert b"guess" not in answer.body


def test_another_users_password_confirms_nothing() -> None:
    from pillion.identity import accounts  # noqa: PLC0415

    browser, _ = _signed_in_long_ago()
    other = accounts.add_user("other-confirm@example.org", "another password entirely").email
    answer = browser.post_json("/account/confirm", {"password": "another password entirely", "email": other})
    assert answer.status == 403


def test_without_a_session_there_is_nothing_to_confirm() -> None:
    answer = Browser().post_json("/account/confirm", {"password": PASSWORD})
    assert (answer.status, answer.code) == (401, "not-signed-in")
    led = Browser().visit(DANGER)
    assert led["Location"] == "/sign-in?next=%2Faccount%2Fdanger"


def test_a_revoked_session_confirms_nothing() -> None:
    browser, email = _signed_in_long_ago()
    sessions.revoke(Session.objects.filter(user__email=email), timezone.now())
    assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 401


def test_a_session_that_is_revoked_while_its_password_is_looked_at_confirms_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser, email = _signed_in_long_ago()

    def revoked_meanwhile(*_: object) -> bool:
        sessions.revoke(Session.objects.filter(user__email=email), timezone.now())
        return True

    monkeypatch.setattr(Adapter, "reauthenticate", revoked_meanwhile)
    answer = browser.post_json("/account/confirm", {"password": PASSWORD})
    assert (answer.status, answer.code) == (401, "not-signed-in")
    assert "pillion-token" not in answer.set_cookies


def test_many_confirmations_do_not_make_the_session_grow() -> None:
    browser, email = _signed_in_long_ago()
    for _ in range(4):
        assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 200
    assert len(_session(email).data["account_authentication_methods"]) == 2


def test_another_site_cannot_have_a_browser_confirm() -> None:
    browser, _ = _signed_in_long_ago()
    answer = browser.post_json("/account/confirm", {"password": PASSWORD}, origin="https://evil.example")
    assert (answer.status, answer.code) == (403, "cross-origin-request")
