"""API keys: made once shown once, exchanged for tokens by the edge, and ended with whatever ends sessions."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pillion.identity import accounts, api_keys, sessions
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import ApiKey, Revocation, Session
from tests.identity.browser import Answer, Browser, new_email, new_user


def exchange(key: str) -> Answer:
    """Ask for a token as the edge does."""
    return Browser().ask("GET", "/-/renewal/api/orders", x_pillion_api_key=key)


def claims(answer: Answer) -> dict[str, Any]:
    """Read the token of an answer."""
    payload = answer["Authorization"].split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "==")))


def test_a_key_is_exchanged_for_a_token_of_its_owner() -> None:
    """Who was not there: no `amr`. And no cookie comes of it."""
    email = new_user("manager")
    made = api_keys.make(email, "backup")
    answer = exchange(made.secret)
    assert answer.status == 200
    assert not answer.set_cookies
    told = claims(answer)
    assert (told["email"], told["roles"], told["sid"]) == (email, ["manager"], made.id)
    assert (told["amr"], told["client_id"], told["scope"]) == ([], "api-key", "openid email")
    assert answer["x-pillion-user"] == told["sub"]


def test_a_key_may_be_limited_to_scopes() -> None:
    made = api_keys.make(new_user(), "backup", scopes=["orders:write", "orders:read", "orders:read"])
    assert claims(exchange(made.secret))["scope"] == "orders:read orders:write"


def test_only_its_hash_is_kept_and_nothing_repeats_it() -> None:
    email = new_user()
    made = api_keys.make(email, "backup")
    row = Session.objects.get(sid=made.id)
    assert made.secret.startswith("plk_")
    assert made.secret not in repr(made)
    assert made.secret not in "".join(map(str, (*vars(row).values(), *vars(row.api_key).values())))
    [listed] = api_keys.list_keys(email)
    assert listed.hint == made.secret[:8]


@pytest.mark.parametrize(
    "key", ["", "plk_", "x", "plk_" + "A" * 43, "plk_" + "A" * 44, "plk_" + "é" * 43, "A" * 47, "plk_" * 1000]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    answer = exchange(key)
    assert (answer.status, answer["Authorization"], answer.set_cookies) == (401, "", {})


def test_a_key_is_no_cookie_and_a_cookie_no_key() -> None:
    """A key in a cookie would be sent by a browser, wherever the request came from."""
    email = new_user()
    made = api_keys.make(email, "backup")
    for value in (made.secret, made.secret.removeprefix("plk_")):
        browser = Browser(cookies={"pillion-session": value})
        assert not browser.renew()["Authorization"]
        assert browser.ask("GET", "/account").status in (303, 401)
    browser = Browser()
    assert browser.sign_in(email).status == 200
    for key in (browser.cookies["pillion-session"], "plk_" + browser.cookies["pillion-session"]):
        assert exchange(key).status == 401


def test_a_key_is_good_though_it_is_not_used_for_long_and_not_after_its_end() -> None:
    made = api_keys.make(new_user(), "yearly", lifetime=timedelta(days=200))
    row = Session.objects.filter(sid=made.id)
    row.update(last_used_at=timezone.now() - timedelta(days=100))
    assert exchange(made.secret).status == 200
    row.update(expires_at=timezone.now())
    assert exchange(made.secret).status == 401
    assert not api_keys.list_keys(new_user())


def test_its_last_use_is_noted() -> None:
    email = new_user()
    made = api_keys.make(email, "backup")
    assert api_keys.list_keys(email)[0].used is None
    exchange(made.secret)
    assert api_keys.list_keys(email)[0].used is not None


@pytest.mark.parametrize("by", ["id", "secret"])
def test_a_revoked_key_brings_no_token_and_its_tokens_are_refused(by: str) -> None:
    made = api_keys.make(new_user(), "backup")
    assert exchange(made.secret).status == 200
    assert api_keys.revoke(getattr(made, by)) == 1
    assert exchange(made.secret).status == 401
    assert Revocation.objects.filter(sid=made.id).exists()
    with pytest.raises(AccountError, match="no such API key"):
        api_keys.revoke(made.id)


@pytest.mark.parametrize(
    "end",
    [
        lambda email: accounts.set_active(email, active=False),
        lambda email: accounts.set_password(email, "another battery, not that horse"),
        accounts.delete_user,
    ],
    ids=["disabled", "password", "deleted"],
)
def test_a_key_ends_with_what_ends_its_owners_sessions(end: Any) -> None:
    email = new_user()
    made = api_keys.make(email, "backup")
    exchange(made.secret)
    end(email)
    assert exchange(made.secret).status == 401
    assert Revocation.objects.filter(sid=made.id).exists()
    assert not ApiKey.objects.filter(session__sid=made.id, session__revoked_at__isnull=True).exists()


def test_one_may_revoke_ones_own_keys_alone() -> None:
    made = api_keys.make(new_user(), "backup")
    with pytest.raises(AccountError):
        api_keys.revoke(made.id, owner=new_user())
    assert exchange(made.secret).status == 200


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"name": ""}, "has a name"),
        ({"name": "x" * 101}, "has a name"),
        ({"name": "a\nb"}, "has a name"),
        ({"name": "a\0"}, "has a name"),
        ({"scopes": ["two words"]}, "is no scope"),
        ({"scopes": ['"']}, "is no scope"),
        ({"scopes": [""]}, "is no scope"),
        ({"scopes": [f"s{n}" for n in range(21)]}, "too many scopes"),
        ({"scopes": ["x" * 90 + str(n) for n in range(9)]}, "too many scopes"),
        ({"lifetime": timedelta(days=367)}, "lives for"),
        ({"lifetime": timedelta(0)}, "lives for"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_is_said(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidAccountError, match=why):
        api_keys.make(new_user(), **{"name": "backup", **wrong})


def test_a_key_needs_an_account_that_may_sign_in() -> None:
    email = new_user()
    accounts.set_active(email, active=False)
    for address in (email, new_email()):
        with pytest.raises(AccountError, match="no account"):
            api_keys.make(address, "backup")


def test_nobody_has_more_keys_than_they_know_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    email = new_user()
    made = [api_keys.make(email, f"key {number}") for number in range(2)]
    with pytest.raises(AccountError, match="has 2 API keys"):
        api_keys.make(email, "one more")
    api_keys.revoke(made[0].id)
    api_keys.make(email, "one more")
    assert [key.name for key in api_keys.list_keys(email)] == ["one more", "key 1"]


def test_keys_are_of_the_length_that_their_hash_is_made_of() -> None:
    assert sessions.hash_of_api_key(sessions.new_api_key())
    assert sessions.hash_of(sessions.new_api_key()) is None
