"""A forgotten password, reset by a link that is mailed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pillion.identity import accounts
from pillion.identity.models import Revocation, Session, User
from tests.identity.authenticator_app import user_with_app
from tests.identity.browser import PASSWORD, Answer, Browser, new_email, new_user
from tests.identity.mailed import key_to, link_to, mails_to, subjects_to

pytestmark = pytest.mark.usefixtures("mail")

NEW = "an entirely new passphrase"


def _forget(email: str) -> Answer:
    return Browser().post_json("/account/forgot", {"email": email})


def _reset(key: str, password: str = NEW) -> Answer:
    return Browser().post_json("/account/reset", {"key": key, "password": password})


def test_a_forgotten_password_is_replaced_and_every_session_ends() -> None:
    email = new_user()
    signed_in = [Browser(), Browser()]
    for browser in signed_in:
        assert browser.sign_in(email).status == 200
    assert _forget(email.upper()).json() == {"mailed_to": email}
    assert _reset(key_to(email, "reset")).status == 204
    for browser in signed_in:
        assert browser.me().status == 401
        assert not browser.renew()["Authorization"]
    assert (
        Revocation.objects.filter(sid__in=Session.objects.filter(user__email=email).values("sid")).count()
        == 2
    )
    assert Browser().sign_in(email).status == 401
    assert Browser().sign_in(email, NEW).status == 200
    assert subjects_to(email) == ["Choose a new password", "Your password was changed"]


def test_a_person_does_so_on_pages() -> None:
    email, browser = new_user(), Browser()
    browser.sign_in(email)
    assert b"/account/forgot" in Browser().visit("/sign-in").body
    assert browser.visit("/account/forgot").status == 200
    sent = browser.post_form("/account/forgot", {"email": email})
    assert (sent.status, b"Look into your mailbox" in sent.body) == (200, True)
    page = browser.visit(link_to(email, "reset"))
    assert page.status == 200
    assert email.encode() in page.body
    key = key_to(email, "reset")
    weak = browser.post_form("/account/reset", {"key": key, "password": "short"})
    assert weak.status == 400
    assert b'id="password-error"' in weak.body
    done = browser.post_form("/account/reset", {"key": key, "password": NEW})
    assert (done.status, b"Your password is changed" in done.body) == (200, True)
    assert browser.cookies == {}


def test_an_unknown_address_gets_the_same_answer() -> None:
    known, unknown = new_user(), new_email()
    disabled = new_user()
    accounts.set_active(disabled, active=False)
    answers = [_forget(email) for email in (known, unknown, disabled)]
    assert {answer.status for answer in answers} == {202}
    shapes = {
        answer.body.decode().replace(email, "")
        for answer, email in zip(answers, (known, unknown, disabled), strict=True)
    }
    assert shapes == {'{"mailed_to": ""}'}
    assert subjects_to(unknown) == subjects_to(disabled) == ["There is no account with this address"]


def test_asking_never_looks_whether_there_is_an_account() -> None:
    """So that its time cannot tell."""
    with CaptureQueriesContext(connection) as queries:
        assert _forget(new_user()).status == 202
    asked = [query["sql"] for query in queries]
    asked = asked[
        next(i for i, sql in enumerate(asked) if "identity_tries" in sql) :
    ]  # after making the user
    assert not [sql for sql in asked if "identity_user" in sql or "account_emailaddress" in sql]


def test_a_link_works_once_and_not_after_another_change() -> None:
    email = new_user()
    _forget(email)
    first = key_to(email, "reset")
    assert _reset(first).status == 204
    answer = _reset(first, "yet another passphrase")
    assert (answer.status, answer.code) == (410, "link-expired")
    assert Browser().visit(f"/account/reset?key={first}").status == 410
    _forget(email)
    second = key_to(email, "reset")
    accounts.set_password(email, PASSWORD)
    assert _reset(second).status == 410


def test_of_two_with_one_link_at_once_one_succeeds() -> None:
    """The key is looked at again when the account is held."""
    email = new_user()
    _forget(email)
    key = key_to(email, "reset")
    with ThreadPoolExecutor(4) as crowd:
        statuses = sorted(crowd.map(lambda n: _reset(key, f"{NEW} {n}").status, range(4)))
    assert statuses == [204, 410, 410, 410]


def test_a_link_expires_after_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.PASSWORD_RESET_TIMEOUT == 1800
    email = new_user()
    _forget(email)
    key = key_to(email, "reset")
    monkeypatch.setattr(settings, "PASSWORD_RESET_TIMEOUT", -1)
    assert _reset(key).status == 410


def test_a_link_is_for_one_account() -> None:
    """Its parts cannot be put together anew."""
    mine, other = new_user(), new_user()
    _forget(mine)
    token = key_to(mine, "reset").partition("-")[2]
    assert _reset(f"{User.objects.get(email=other).id.hex}-{token}").status == 410
    assert Browser().sign_in(other).status == 200


def test_a_disabled_account_is_not_reset() -> None:
    email = new_user()
    _forget(email)
    key = key_to(email, "reset")
    accounts.set_active(email, active=False)
    assert _reset(key).status == 410


def test_a_weak_password_leaves_the_link_good() -> None:
    email = new_user()
    _forget(email)
    key = key_to(email, "reset")
    for password in ("", "short", "password123", "x" * 1025, email):
        answer = _reset(key, password)
        assert (answer.status, set(answer.json()["errors"])) == (400, {"password"})
    assert _reset(key).status == 204


def test_another_site_cannot_have_a_browser_ask_or_reset() -> None:
    email = new_user()
    for path in ("/account/forgot", "/account/reset", "/account/verify", "/account/verify/again"):
        answer = Browser().post_json(path, {"email": email, "key": "x"}, origin="https://evil.example")
        assert (answer.status, answer.code) == (403, "cross-origin-request")
    assert mails_to(email) == []


def test_the_link_leads_to_this_mesh_whatever_host_was_asked() -> None:
    """Or else who asks in your name chooses where your click goes."""
    email = new_user()
    Browser().post_json("/account/forgot", {"email": email}, x_forwarded_host="evil.example")
    assert link_to(email, "reset").startswith("/account/reset?key=")


def test_where_no_mail_is_sent_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PILLION", settings.PILLION.model_copy(update={"mailbox_key": None}))
    for answer in (_forget(new_email()), _reset("x"), Browser().ask("GET", "/account/forgot")):
        assert (answer.status, answer.code) == (404, "no-mail")
    assert b"/account/forgot" not in Browser().visit("/sign-in").body


def test_a_reset_is_no_session() -> None:
    """What else a sign-in asks for, it asks for after a reset, too."""
    email, browser = new_user(), Browser()
    _forget(email)
    answer = browser.post_json("/account/reset", {"key": key_to(email, "reset"), "password": NEW})
    assert answer.set_cookies == {}
    since = timezone.now() - timedelta(minutes=1)
    assert not Session.objects.filter(user__email=email, created_at__gt=since).exists()


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_a_stranger_added_to_an_account_does_not_outlive_the_reset(*, confirmed: bool) -> None:
    """Who signs up with somebody else's address may add a passkey before its owner takes the account over."""
    email, _ = user_with_app()
    EmailAddress.objects.filter(email=email).update(verified=confirmed)
    _forget(email)
    assert _reset(key_to(email, "reset")).status == 204
    assert Authenticator.objects.filter(user__email=email).exists() == confirmed
    assert EmailAddress.objects.get(email=email).verified
