"""Too many tries."""

import json
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from pillion.identity import limits, sql, turn
from pillion.identity.models import Session, Tries
from pillion.identity.transactions import soon_on_disk
from pillion.identity.turn import MOST_INSIDE
from tests.identity.browser import PASSWORD, Browser, new_email, new_user
from tests.identity.databases import ON_POSTGRESQL

WRONG = "wrong wrong wrong"


def test_the_sixth_wrong_password_for_one_account_from_one_address_has_to_wait() -> None:
    """429, Retry-After, a problem; the right password does not help."""
    email = new_user()
    browser = Browser("198.51.100.1")
    assert [browser.sign_in(email, WRONG).status for _ in range(5)] == [401] * 5
    answer = browser.sign_in(email, PASSWORD)
    assert answer.status == 429
    assert 0 < int(answer["Retry-After"]) <= 300
    assert answer["Content-Type"] == "application/problem+json"


def test_nobody_can_lock_another_out() -> None:
    """The owner signs in from elsewhere meanwhile."""
    email = new_user()
    for _ in range(6):
        Browser("198.51.100.1").sign_in(email, WRONG)
    assert Browser("198.51.100.2").sign_in(email).status == 200


def test_an_address_that_guesses_at_many_accounts_has_to_wait() -> None:
    """Whichever accounts they are; an IPv6 network is one address."""
    statuses = [Browser(f"2001:db8::{number}").sign_in(new_email(), WRONG).status for number in range(1, 32)]
    assert statuses == [401] * 30 + [429]
    assert Browser("2001:db8:0:1::1").sign_in(new_email(), WRONG).status == 401


def test_who_opens_sessions_without_end_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leaves a row, and, revoked again, one more on the list of every Envoy."""
    monkeypatch.setitem(limits.RATES, "session-per-account", limits.Rate(3, 3600))  # 120 hashes take long
    email, browser = new_user(), Browser("198.51.100.4")
    assert [browser.sign_in(email).status for _ in range(4)] == [200, 200, 200, 429]
    assert browser.sign_in(new_user()).status == 200


def test_signing_in_uses_nothing_up() -> None:
    """Only failures count."""
    email = new_user()
    browser = Browser("198.51.100.3")
    assert [browser.sign_in(email).status for _ in range(8)] == [200] * 8


def test_many_addresses_together_have_to_wait_but_the_owner_at_home_does_not() -> None:
    """The limit per account alone spares addresses from which its owner has signed in lately."""
    email = new_user()
    home = Browser("198.51.100.9")
    assert home.sign_in(email).status == 200
    old = dict(limits.RATES)  # a hundred hashes would take too long
    limits.RATES["password-per-account-elsewhere"] = limits.Rate(3, 86400)
    try:
        statuses = [Browser(f"203.0.113.{number}").sign_in(email, WRONG).status for number in range(4)]
        assert statuses == [401, 401, 401, 429]
        assert home.sign_in(email).status == 200
        Session.objects.filter(user__email=email).update(auth_time=timezone.now() - timedelta(days=31))
        assert home.sign_in(email).status == 429
    finally:
        limits.RATES.update(old)


def test_the_owner_is_at_home_in_the_whole_of_their_ipv6_network() -> None:
    """Privacy addresses (RFC 8981) change every day."""
    email = new_user()
    assert Browser("2001:db8:7::1").sign_in(email).status == 200
    old = dict(limits.RATES)  # as above
    limits.RATES["password-per-account-elsewhere"] = limits.Rate(1, 86400)
    try:
        assert Browser("203.0.113.77").sign_in(email, WRONG).status == 401
        assert Browser("2001:db8:8::1").sign_in(email).status == 429
        assert Browser("2001:db8:7::2").sign_in(email).status == 200
    finally:
        limits.RATES.update(old)


def test_when_too_many_sign_in_at_once_some_are_asked_to_come_back() -> None:
    """At once, so that the threads are there for renewals."""
    with ExitStack() as crowd:
        for _ in range(MOST_INSIDE):
            turn._inside.acquire()  # noqa: SLF001 - so many people at once would take a minute
            crowd.callback(turn._inside.release)  # noqa: SLF001
        for path in ("/sign-in", "/sign-up"):
            answer = Browser().post_json(path, {"email": new_email(), "password": PASSWORD})
            assert (answer.status, answer.code, answer["Retry-After"]) == (503, "busy", "2")
    assert Browser().sign_in(new_user()).status == 200


def test_a_limit_ends() -> None:
    email = new_user()
    browser = Browser("198.51.100.4")
    for _ in range(6):
        browser.sign_in(email, WRONG)
    for row in Tries.objects.all():  # let its time be over
        row.times = json.dumps([time - 24 * 3600 for time in json.loads(row.times)])
        row.save()
    assert browser.sign_in(email).status == 200


def test_a_person_is_told_when_to_try_again() -> None:
    """On the page, with the same status."""
    browser = Browser("198.51.100.5")
    for _ in range(5):
        browser.sign_in(email := "nobody@example.org", WRONG)
    answer = browser.post_form("/sign-in", {"email": email, "password": WRONG})
    assert answer.status == 429
    assert b"Try again in" in answer.body
    assert answer["Retry-After"]


def test_accounts_cannot_be_made_without_end() -> None:
    """20 an hour from one address."""
    browser = Browser("198.51.100.6")
    tries = [browser.post_json("/sign-up", {"email": "x", "password": "y"}).status for _ in range(21)]
    assert tries == [400] * 20 + [429]


def test_an_unreadable_address_is_limited_too() -> None:
    """All such callers share one limit; none gets around it by what it sends in front of the edge's entry."""
    for forwarded in ("", "unknown", "1.2.3.4, nonsense"):
        assert Browser(forwarded).sign_in(new_user()).status == 200
    email = new_user()
    for number in range(6):
        status = Browser(f"10.0.0.{number}, 198.51.100.7").sign_in(email, WRONG).status
    assert status == 429


def test_who_has_to_wait_takes_nobody_elses_turn() -> None:
    """The limit is looked at before: a flood from one address is no 503 for others."""
    email = new_user()
    guesser = Browser("198.51.100.66")
    for _ in range(5):
        guesser.sign_in(email, WRONG)
    with ExitStack() as crowd:
        for _ in range(MOST_INSIDE):
            turn._inside.acquire()  # noqa: SLF001 - as above
            crowd.callback(turn._inside.release)  # noqa: SLF001
        assert guesser.sign_in(email, WRONG).status == 429


def test_tries_wait_for_no_disk_and_all_else_does() -> None:
    """Each time: SQLite takes its pragma in when it compiles it, and Python compiles a statement once."""
    say = "SHOW synchronous_commit" if ON_POSTGRESQL else "PRAGMA synchronous"
    soon, at_once = ("off", "on") if ON_POSTGRESQL else (1, 2)
    for _ in range(2):
        with soon_on_disk():
            assert sql.scalar(say) == soon
        with transaction.atomic():
            assert sql.scalar(say) == at_once
    with pytest.raises(ZeroDivisionError), soon_on_disk():
        raise ZeroDivisionError
    assert sql.scalar(say) == at_once


def test_tries_that_count_no_more_go() -> None:
    """Each of them, however many; a minute after their time, since clocks differ."""
    now = time.time()
    over = [Tries(name=f"over {number}", times="[]", until=now - 61) for number in range(1100)]
    Tries.objects.bulk_create([*over, Tries(name="just over", times="[]", until=now - 50)], batch_size=200)
    email = new_user()
    Browser().sign_in(email, WRONG)
    counted = set(Tries.objects.filter(until__gt=now).values_list("name", flat=True))
    limits.forget()
    assert counted
    assert set(Tries.objects.values_list("name", flat=True)) == {"just over", *counted}
