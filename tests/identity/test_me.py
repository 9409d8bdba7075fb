"""`/me`: who a token speaks of."""

from datetime import datetime, timedelta

import pytest

from pillion.identity import accounts
from pillion.identity.models import Session
from tests.identity.browser import Browser, new_user, signed_in


def test_me_says_who_is_calling() -> None:
    """docs/interface.md."""
    answer = signed_in("manager").me()
    document = answer.json()
    assert answer.status == 200
    assert set(document) == {"sub", "email", "email_verified", "roles", "session", "expires_at"}
    assert document["roles"] == ["manager"]
    end = Session.objects.get(sid=document["session"]).expires_at
    assert abs(datetime.fromisoformat(document["expires_at"]) - end) < timedelta(seconds=1)
    assert document["expires_at"].endswith("Z")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer x.y.z", "xBearer a.b.c"]
)
def test_me_refuses_what_is_no_token(header: str) -> None:
    """RFC 6750, section 3."""
    answer = Browser().ask("GET", "/me", authorization=header)
    assert answer.status == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer["Content-Type"] == "application/problem+json"


def test_me_without_a_token_names_no_error() -> None:
    """RFC 6750, section 3.1: nothing was wrong, it was not there."""
    assert Browser().ask("GET", "/me")["WWW-Authenticate"] == "Bearer"


def test_me_does_not_read_cookies() -> None:
    """The edge has put the token into the header, if it is good."""
    assert signed_in().ask("GET", "/me").status == 401


def test_me_refuses_a_disabled_user() -> None:
    """At once, whatever the token says."""
    browser = Browser()
    email = new_user()
    browser.sign_in(email)
    accounts.set_active(email, active=False)
    assert browser.me().status == 401


def test_me_accepts_a_token_from_the_command_line() -> None:
    """It has a session of its own, so that it can be revoked."""
    email = new_user()
    token = accounts.issue_token(email, timedelta(seconds=60))
    document = Browser().ask("GET", "/me", authorization=f"bearer {token}").json()
    assert document["email"] == email
    assert Session.objects.get(sid=document["session"]).client_id == "pillion-cli"
