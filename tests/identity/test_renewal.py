"""Renewal: a session becomes a token."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pillion.identity import accounts, renewal, sessions
from pillion.identity.lifetimes import IDLE_LIFETIME, SESSION_LIFETIME
from pillion.identity.models import Session
from tests.identity.browser import Answer, Browser, new_user, signed_in


def bare(answer: Answer) -> bool:
    """Say whether the answer is 200 with nothing in it."""
    return answer.status == 200 and [name for name, _ in answer.headers] == ["content-length"]


def refused(answer: Answer) -> bool:
    """Say whether the answer is 200 and deletes both cookies, and no more."""
    lines = answer.set_cookies
    return (
        answer.status == 200
        and not answer["Authorization"]
        and not answer["X-Pillion-User"]
        and set(lines) == {"pillion-session", "pillion-token"}
        and all("Max-Age=0" in line for line in lines.values())
    )


def row_of(browser: Browser) -> Session:
    """Find the session that a browser holds."""
    return Session.objects.get(key_hash=sessions.hash_of(browser.cookies["pillion-session"]))


def test_a_live_session_gets_a_fresh_token() -> None:
    """With the headers and the cookie that the edge passes on."""
    browser = signed_in("manager")
    before = browser.cookies["pillion-token"]
    answer = browser.renew()
    token = answer["Authorization"].removeprefix("Bearer ")
    assert answer.status == 200
    assert token != before
    assert browser.cookies["pillion-token"] == token
    assert answer["X-Pillion-User"] == browser.me().json()["sub"]
    assert "HttpOnly" in answer.set_cookies["pillion-token"]
    assert "pillion-session" not in answer.set_cookies


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PROPFIND"])
def test_any_method_and_path_renews(method: str) -> None:
    """The filter of the edge sends the request's own."""
    browser = signed_in()
    for path in ("", "/", "/api/orders"):
        assert browser.renew(method, path)["Authorization"]


def test_nobody_gets_nothing() -> None:
    """Neither a token nor an order to forget cookies."""
    assert bare(Browser().renew())
    assert bare(Browser(cookies={"other": "x", "pillion-session2": "y"}).renew())


def test_identity_reads_no_cookie_by_itself() -> None:
    """Which of several counts, the edge alone decides (RFC 6265, section 8.6: any may be planted)."""
    session = signed_in().cookies["pillion-session"]
    assert bare(Browser().ask("GET", "/-/renewal/", cookie=f"pillion-session={session}"))


@pytest.mark.parametrize("value", ["", "x", "A" * 43, "A" * 44, "\u00e9" * 43, "A" * 10_000, "' OR 1=1 --"])
def test_an_unknown_session_is_deleted_from_the_browser(value: str) -> None:
    """Whatever the cookie holds."""
    assert refused(Browser(cookies={"pillion-session": value}).renew())


def test_a_dead_session_gets_no_token() -> None:
    """Expired, idle, revoked, its user disabled or gone: each ends it."""
    now = timezone.now()
    for change in (
        {"expires_at": now - timedelta(seconds=1)},
        {"last_used_at": now - IDLE_LIFETIME - timedelta(seconds=1)},
        {"revoked_at": now},
        {"user": None},
    ):
        browser = signed_in()
        Session.objects.filter(pk=row_of(browser).pk).update(**change)
        sid, cookies = row_of(browser).sid, dict(browser.cookies)
        assert refused(browser.renew()), change
        # Django's way to the same row says so too: the two are written twice.
        assert not sessions.live_of_users(now).filter(sid=sid).exists(), change
        page = Browser(cookies=cookies).ask("GET", "/account/", accept="text/html")
        assert page.status == 303, change


def test_disabling_or_deleting_a_user_ends_their_sessions_for_good() -> None:
    """Enabling the user again brings no session back; the rows stay, to be told of."""
    browser, other = Browser(), Browser()
    email, gone = new_user(), new_user()
    browser.sign_in(email)
    other.sign_in(gone)
    sid, other_sid = row_of(browser).sid, row_of(other).sid
    accounts.set_active(email, active=False)
    accounts.delete_user(gone)
    accounts.set_active(email, active=True)
    assert refused(browser.renew())
    assert refused(other.renew())
    assert Session.objects.filter(sid__in=[sid, other_sid], revoked_at__isnull=False).count() == 2


def test_roles_are_read_afresh() -> None:
    """A changed role is in the next token."""
    browser = Browser()
    email = new_user("buyer")
    browser.sign_in(email)
    accounts.set_roles(email, ["manager", "auditor"])
    browser.renew()
    assert browser.me().json()["roles"] == ["auditor", "manager"]


def test_a_renewal_is_one_query() -> None:
    """No write, no session data, no second look for the key."""
    browser = signed_in()
    browser.renew()
    with CaptureQueriesContext(connection) as queries:
        assert browser.renew()["Authorization"]
    assert len(queries) == 1


def test_use_is_noted_once_a_minute() -> None:
    """And then it is one more write."""
    browser = signed_in()
    row = row_of(browser)
    Session.objects.filter(pk=row.pk).update(
        last_used_at=timezone.now() - timedelta(seconds=61), tokens_until=row.tokens_until - 61
    )
    browser.renew()
    noted = row_of(browser).last_used_at
    assert timezone.now() - noted < timedelta(seconds=30)
    browser.renew()
    assert row_of(browser).last_used_at == noted
    assert row_of(browser).expires_at - row.created_at == SESSION_LIFETIME


def test_a_database_that_cannot_be_asked_is_503_and_deletes_nothing() -> None:
    """Nobody is signed out for our fault."""
    browser = signed_in()
    with mock.patch.object(renewal, "_live", side_effect=DatabaseError("gone")):
        answer = browser.renew()
    assert answer.status == 503
    assert not answer.set_cookies


def test_renewals_are_counted() -> None:
    """So that a test can tell that none happened."""
    before = Browser().ask("GET", "/-/health").json()["renewals"]
    Browser().renew()
    assert Browser().ask("GET", "/-/health").json() == {"ready": True, "renewals": before + 1}
