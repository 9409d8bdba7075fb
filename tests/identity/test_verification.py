"""Confirming an address by mail: the sign-up that tells nothing, the link, and who may use it."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pillion.identity import accounts, links
from pillion.identity.models import QueuedMail, Session, User
from tests.identity.browser import PASSWORD, Answer, Browser, new_email, new_user
from tests.identity.mailed import key_to, last_mail_to, link_to, mails_to, subjects_to

pytestmark = pytest.mark.usefixtures("mail")

OTHER = "quite another passphrase"


def _sign_up(email: str, password: str = PASSWORD) -> Answer:
    return Browser().post_json("/sign-up", {"email": email, "password": password})


def test_who_signs_up_is_sent_a_link_and_signed_in_by_it() -> None:
    email, browser = new_email(), Browser()
    answer = browser.post_json("/sign-up", {"email": email.upper(), "password": PASSWORD})
    assert (answer.status, answer.json()) == (202, {"mailed_to": email})
    assert browser.cookies == {}
    assert browser.sign_in(email).status == 401
    answer = browser.post_json("/account/verify", {"key": key_to(email, "verify"), "password": PASSWORD})
    assert (answer.status, answer.json()["user"]["email"]) == (200, email)
    assert browser.me().json()["email_verified"] is True
    assert browser.claims()["email"] == email
    assert Browser().sign_in(email).status == 200
    assert accounts.find_user(email).verified


def test_a_person_signs_up_and_confirms_on_pages() -> None:
    email, browser = new_email(), Browser()
    sent = browser.post_form("/sign-up", {"email": email, "password": PASSWORD})
    assert sent.status == 200
    assert b"Look into your mailbox" in sent.body
    page = browser.visit(link_to(email, "verify"))
    assert page.status == 200
    assert email.encode() in page.body
    done = browser.post_form("/account/verify", {"key": key_to(email, "verify"), "password": PASSWORD})
    assert (done.status, done["Location"]) == (303, "/")
    assert browser.visit("/account").status == 200


def test_looking_at_the_link_confirms_nothing() -> None:
    """Programs that look for viruses follow links in mails."""
    email = new_email()
    _sign_up(email)
    for _ in range(2):
        assert Browser().visit(link_to(email, "verify")).status == 200
    assert not accounts.find_user(email).verified


def test_an_address_that_is_taken_gets_the_same_answer_and_its_owner_a_mail() -> None:
    taken, free = new_user(), new_email()
    first, second = _sign_up(taken, OTHER), _sign_up(free, OTHER)
    assert first.status == second.status == 202
    assert [name for name, _ in first.headers] == [name for name, _ in second.headers]
    assert len(first.body) - len(taken) == len(second.body) - len(free)
    assert subjects_to(taken) == ["You have an account already"]
    assert subjects_to(free) == ["Confirm your address"]
    assert Browser().sign_in(taken, PASSWORD).status == 200
    assert Browser().sign_in(taken, OTHER).status == 401


def test_signing_up_does_the_same_work_whether_the_address_is_taken_or_not() -> None:
    """What differs in time differs in what is done."""

    def work(email: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert _sign_up(email).status == 202
        # Without numbers: PostgreSQL's cursors have one, and a lock is named after what it is for (a negative one
        # with a blank before it).
        statements = [" ".join(re.sub(r" ?-?[0-9]+", "", query["sql"]).split()[:3]) for query in queries]
        return [statement for statement in statements if "SAVEPOINT" not in statement]

    work(new_email())
    assert work(new_user()) == work(new_email())


@pytest.mark.parametrize("password", ["short", "password123", "grace.hopper1"])
def test_a_weak_password_is_answered_alike_for_a_taken_address(password: str) -> None:
    """The rules compare it with the address, which must be known to them either way."""
    with suppress(accounts.AccountError):
        accounts.add_user("grace.hopper1@example.org", PASSWORD)
    taken, free = (
        _sign_up("grace.hopper1@example.org", password),
        _sign_up("grace.hopper1@example.net", password),
    )
    assert taken.status == free.status == 400
    assert taken.json() == free.json()


def test_signing_in_does_not_tell_whether_ones_own_sign_up_made_an_account() -> None:
    """Or else it would tell whether there was one before."""
    taken, free = new_user(), new_email()
    for email in (taken, free):
        _sign_up(email, OTHER)
    answers = [Browser().sign_in(email, OTHER) for email in (taken, free)]
    assert [answer.status for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()


def test_a_click_does_not_make_a_strangers_account_good() -> None:
    """Somebody signs up with your address and waits for you to confirm it: the link asks for their password."""
    victim = new_email()
    _sign_up(victim, "the attackers passphrase")
    key = key_to(victim, "verify")
    for password, status in (("", 400), ("what the victim tries", 403), ("x" * 1025, 403)):
        answer = Browser().post_json("/account/verify", {"key": key, "password": password})
        assert answer.status == status
    assert Browser().sign_in(victim, "the attackers passphrase").status == 401
    # The way out: a new password, by mail.
    Browser().post_json("/account/forgot", {"email": victim})
    reset = Browser().post_json("/account/reset", {"key": key_to(victim, "reset"), "password": PASSWORD})
    assert reset.status == 204
    assert Browser().sign_in(victim).status == 200
    assert Browser().sign_in(victim, "the attackers passphrase").status == 401
    answer = Browser().post_json("/account/verify", {"key": key, "password": "the attackers passphrase"})
    assert (answer.status, answer.code) == (410, "link-expired")


def test_guesses_at_a_link_are_counted_like_those_at_the_sign_in() -> None:
    email = new_email()
    _sign_up(email)
    key, browser = key_to(email, "verify"), Browser("198.51.100.40")
    statuses = [
        browser.post_json("/account/verify", {"key": key, "password": "guess guess"}).status for _ in range(6)
    ]
    assert statuses == [403] * 5 + [429]


def test_a_link_works_once() -> None:
    email = new_email()
    _sign_up(email)
    fields = {"key": key_to(email, "verify"), "password": PASSWORD}
    assert Browser().post_json("/account/verify", fields).status == 200
    again = Browser().post_json("/account/verify", fields)
    assert (again.status, again.code) == (410, "link-expired")
    page = Browser().visit(f"/account/verify?key={fields['key']}")
    assert page.status == 410
    assert b'action="/account/verify/again"' in page.body


def test_a_link_expires_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    email = new_email()
    _sign_up(email)
    key = key_to(email, "verify")
    monkeypatch.setattr(links, "PROVE_LIFETIME", timedelta(seconds=-1))
    answer = Browser().post_json("/account/verify", {"key": key, "password": PASSWORD})
    assert (answer.status, answer.code) == (410, "link-expired")


@pytest.mark.parametrize("key", ["", "x", "a:b:c", "\u2603", "." * 5000, "%00", ".eJw:1:x"])
def test_what_is_no_key_is_refused(key: str) -> None:
    for path, fields in (
        ("/account/verify", {"key": key, "password": PASSWORD}),
        ("/account/reset", {"key": key, "password": PASSWORD}),
    ):
        answer = Browser().post_json(path, fields)
        assert (answer.status, answer.code) == (410, "link-expired")


def test_a_link_of_another_kind_is_no_link() -> None:
    email = new_user()
    Browser().post_json("/account/forgot", {"email": email})
    key = key_to(email, "reset")
    assert Browser().post_json("/account/verify", {"key": key, "password": PASSWORD}).status == 410
    user = User.objects.get(email=email)
    proof = links.to_prove(user, "other@example.org")
    assert Browser().post_json("/account/reset", {"key": proof, "password": PASSWORD}).status == 410


def test_the_mail_can_be_asked_for_again_by_anybody_about_any_address() -> None:
    unproven, proven, nobody = new_email(), new_user(), new_email()
    _sign_up(unproven)
    key = key_to(unproven, "verify")
    answers = [
        Browser().post_json("/account/verify/again", {"email": email}) for email in (unproven, proven, nobody)
    ]
    assert [answer.status for answer in answers] == [202] * 3
    assert subjects_to(unproven) == ["Confirm your address"] * 2
    assert subjects_to(proven) == ["You have an account already"]
    assert subjects_to(nobody) == ["There is no account with this address"]
    # Both links are good, until one is used.
    answer = Browser().post_json("/account/verify", {"key": key, "password": PASSWORD})
    assert answer.status == 200


def test_nobody_is_flooded_with_mail() -> None:
    """Four in a quarter of an hour to one address, whoever asks and whatever for."""
    email = new_email()
    statuses = [
        Browser(f"203.0.113.{number}").post_json("/account/forgot", {"email": email}).status
        for number in range(6)
    ]
    assert statuses == [202] * 4 + [429] * 2
    assert _sign_up(email).status == 429
    assert len(mails_to(email)) == 4


def test_one_network_cannot_have_mail_sent_to_the_world() -> None:
    browser = Browser("198.51.100.41")
    statuses = [browser.post_json("/account/forgot", {"email": new_email()}).status for _ in range(21)]
    assert statuses == [202] * 20 + [429]


def test_two_who_sign_up_at_once_with_one_address_make_one_account() -> None:
    email = new_email()
    _sign_up(email)
    _sign_up(email, OTHER)
    assert User.objects.filter(email=email).count() == EmailAddress.objects.filter(email=email).count() == 1
    fields = {"key": key_to(email, "verify"), "password": OTHER}
    assert Browser().post_json("/account/verify", fields).status == 403
    assert Browser().post_json("/account/verify", {**fields, "password": PASSWORD}).status == 200


def test_a_disabled_account_is_confirmed_by_nothing() -> None:
    email = new_email()
    _sign_up(email)
    key = key_to(email, "verify")
    accounts.set_active(email, active=False)
    assert Browser().post_json("/account/verify", {"key": key, "password": PASSWORD}).status == 410


def test_signing_up_leaves_no_session_behind() -> None:
    before = Session.objects.count()
    answer = _sign_up(new_email())
    assert answer.set_cookies == {}
    assert Session.objects.count() == before


def test_the_mail_says_who_it_is_about_and_nothing_of_the_password() -> None:
    email = new_email()
    _sign_up(email)
    letter = last_mail_to(email)
    assert "shop" in letter.text
    assert PASSWORD not in letter.text
    assert not QueuedMail.objects.exists()


def test_time_does_not_pass_in_the_queue() -> None:
    """A mail that waited for its server has a link that is a day good from then on."""
    email = new_email()
    _sign_up(email)
    QueuedMail.objects.update(created_at=timezone.now() - timedelta(hours=30))
    assert (
        Browser().post_json("/account/verify", {"key": key_to(email, "verify"), "password": PASSWORD}).status
        == 200
    )
