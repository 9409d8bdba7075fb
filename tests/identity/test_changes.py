"""The record of changes: nothing is changed without a line, no line holds a secret, and none is ever changed."""

import json
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.identity.browser import Browser, new_email, new_user, signed_in_as  # isort: skip - sets Django up
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, connection, transaction

from pillion.identity import (
    accounts,
    api_keys,
    changes,
    key_care,
    provider_care,
    provider_roles,
    rotation,
    session_care,
)
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import Change, SigningKey, User
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import Wanted
from tests.identity.authenticator_app import App
from tests.identity.browser import PASSWORD
from tests.identity.mailed import key_to
from tests.identity.program import CALLBACK

ADA = changes.Actor("ada@example.com", None, "192.0.2.9")


@contextmanager
def _written() -> Iterator[list[tuple[str, str]]]:
    """Give, when the block has ended, what was written in it, as (what, whom)."""
    before = Change.objects.count()
    written: list[tuple[str, str]] = []
    yield written
    lines = list(Change.objects.order_by("id"))[before:]
    written += [(line.what, line.whom) for line in lines]


def test_each_order_of_an_operator_is_a_line() -> None:
    email = new_email()
    with changes.by(ADA), _written() as written:
        accounts.add_user(email, PASSWORD, ["manager"])
        accounts.set_roles(email, ["clerk"])
        accounts.set_active(email, active=False)
        accounts.set_active(email, active=True)
        accounts.set_password(email, "another good passphrase")
        Browser().sign_in(email, "another good passphrase")
        session_care.revoke_sessions_of(email)
        key = api_keys.make(email, "backup")
        api_keys.revoke(key.id)
        accounts.delete_user(email)
    assert written == [
        ("user.added", email),
        ("user.roles", email),
        ("user.disabled", email),
        ("user.enabled", email),
        ("user.password", email),
        ("session.revoked", email),
        ("api-key.made", email),
        ("api-key.revoked", email),
        ("user.deleted", email),
    ]
    roles = Change.objects.get(what="user.roles", whom=email)
    assert (roles.actor, roles.address) == ("ada@example.com", "192.0.2.9")
    assert roles.details == {"before": ["manager"], "after": ["clerk"]}


def test_clients_and_keys_are_recorded_too(as_before: None) -> None:  # noqa: ARG001 - the keys are the others', too
    with _written() as written:
        client, _ = client_care.add(Wanted("grafana", redirect_uris=(CALLBACK,)))
        client_care.new_secret(client.client_id)
        client_care.delete(client.client_id)
        kid = rotation.announce()
        rotation.promote(kid)
        successor = rotation.revoke(kid)
        assert successor
        rotation.promote(successor)
    assert [what for what, _ in written] == [
        "client.added",
        "client.new-secret",
        "client.removed",
        "key.announced",
        "key.signs",
        "key.revoked",
        "key.announced",
        "key.signs",
    ]
    assert {line.actor for line in Change.objects.filter(whom=kid)} == {"identity"}
    assert kid in {key.kid for key in key_care.list_keys()}


def test_what_fails_leaves_no_line() -> None:
    email = new_user()
    with _written() as written:
        for order, error in (
            (lambda: accounts.add_user(email, PASSWORD), AccountError),
            (lambda: accounts.set_roles(email, ["No Role"]), InvalidAccountError),
            (lambda: accounts.delete_user("nobody@example.org"), AccountError),
            (lambda: accounts.reset_second_factors(email), AccountError),
        ):
            with pytest.raises(error):
                order()
        session_care.revoke_sessions_of(email)  # there was none
    assert not written


@pytest.mark.usefixtures("mail")
def test_what_people_do_to_their_own_accounts_is_recorded_as_theirs() -> None:
    browser, email = signed_in_as()
    with _written() as written:
        browser.post_json("/account/password", {"password": "another good passphrase"})
        made = browser.post_json("/account/api-keys", {"name": "backup"}).json()
        browser.post_json("/account/api-keys/revoke", {"id": made["id"]})
        browser.post_json("/account/forgot", {"email": email})
        Browser().post_json("/account/reset", {"key": key_to(email, "reset"), "password": PASSWORD})
        again = Browser()
        again.sign_in(email)
        again.post_json("/account/delete", {})
    assert written == [
        ("account.password", email),
        ("api-key.made", email),
        ("api-key.revoked", email),
        ("account.password-reset", email),
        ("account.deleted", email),
    ]
    lines = Change.objects.filter(whom=email, id__gt=0).exclude(what="user.added")
    assert {(line.actor, line.address) for line in lines} == {(email, "192.0.2.1")}
    assert all(line.actor_sub for line in lines)


def test_no_line_holds_a_secret() -> None:
    email = new_user()
    key = api_keys.make(email, "backup").secret
    _, secret = client_care.add(Wanted("report"))
    token = accounts.issue_token(email, timedelta(minutes=1))
    text = json.dumps([changes.document(line) for line in Change.objects.all()])
    assert secret
    for hidden in (PASSWORD, key, secret, token, token.rpartition(".")[2], "argon2"):
        assert hidden not in text


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE identity_change SET actor = 'nobody'",
        "DELETE FROM identity_change",
        "TRUNCATE identity_change",
        "INSERT OR REPLACE INTO identity_change SELECT * FROM identity_change",
    ],
)
def test_the_database_changes_and_deletes_no_line(statement: str) -> None:
    if statement.startswith("TRUNCATE" if connection.vendor == "sqlite" else "INSERT"):
        pytest.skip("the other database's own")
    new_user()
    before = Change.objects.count()
    with pytest.raises(DatabaseError, match="only ever added to"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Change.objects.count() == before > 0


def test_lines_are_found_by_who_whom_and_what() -> None:
    email = new_email()
    with changes.by(ADA):
        accounts.add_user(email, PASSWORD)
        accounts.set_roles(email, ["manager"])
    assert [line.what for line in changes.find(whom=email)] == ["user.added", "user.roles"]
    assert [line.what for line in changes.find(whom=email, what="user.r")] == ["user.roles"]
    assert [line.what for line in changes.find(whom=email, latest=1)] == ["user.roles"]
    assert len(list(changes.find(whom=email, latest=300_000))) == 2
    assert not list(changes.find(whom=email, actor="identity"))
    assert {line.actor for line in changes.find(actor="ada@example.com")} == {"ada@example.com"}


def test_what_comes_of_a_provider_is_recorded_as_its_doing() -> None:
    user = User.objects.get(email=new_user("clerk"))
    link = SocialAccount.objects.create(user=user, provider="https://sso.example", uid="1")
    with _written() as written:
        with transaction.atomic():  # as those who call it: the user's row is held
            provider_roles.give(user, link, {"manager"})
        provider_care.unlink(user.email)
    assert written == [("user.roles", user.email), ("user.unlinked", user.email), ("user.roles", user.email)]
    first = Change.objects.filter(what="user.roles", whom=user.email).earliest("id")
    assert (first.actor, first.details["after"]) == ("provider https://sso.example", ["clerk", "manager"])


def test_nothing_is_recorded_outside_of_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="its own transaction"):
        changes.record("user.added", "nobody")


def test_who_types_a_command_is_named_by_the_system_and_not_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert changes.command_line().name == f"command line: {pwd.getpwuid(os.getuid()).pw_name}"


def test_second_factors_are_recorded_with_their_change_and_not_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library tells of some only when the transaction has ended: a kill in between would leave no line."""
    browser, email = signed_in_as()
    browser.address = "198.51.100.7"
    app = App(browser.ask("GET", "/account/security/totp").json()["secret"])
    with _written() as written, monkeypatch.context() as patched:
        patched.setattr(transaction, "on_commit", lambda *_, **__: None)
        assert browser.post_json("/account/security/totp", {"code": app.code()}).status == 201
        assert browser.post_json("/account/security/recovery-codes", {}).status == 200
        assert browser.post_json("/account/security/totp/remove", {}).status == 204
    assert written == [
        ("account.totp-added", email),
        ("account.recovery-codes", email),
        ("account.totp-removed", email),
    ]
    line = Change.objects.filter(whom=email)[0]
    assert (line.actor, line.address) == (email, "198.51.100.7")


def test_a_sign_up_is_recorded_and_one_for_a_taken_address_is_not() -> None:
    email = new_email()
    with _written() as written:
        for _ in range(2):
            Browser().post_json("/sign-up", {"email": email, "password": PASSWORD})
    assert written == [("account.signed-up", email)]


@pytest.mark.usefixtures("mail")
def test_so_is_one_that_is_answered_alike_for_a_taken_address() -> None:
    email = new_email()
    with _written() as written:
        for _ in range(2):
            assert Browser().post_json("/sign-up", {"email": email, "password": PASSWORD}).status == 202
    assert written == [("account.signed-up", email)]


def test_ending_ones_own_sessions_is_recorded() -> None:
    browser, email = signed_in_as()
    other = Browser()
    assert other.sign_in(email).status == 200
    sid = other.claims()["sid"]
    with _written() as written:
        assert browser.post_json("/account/sessions/end", {"session": sid.upper()}).status == 204
        assert browser.post_json("/account/sessions/end", {"session": sid}).status == 404  # it has ended
        assert browser.post_json("/account/sessions/end", {"session": "all"}).status == 204
    assert written == [("account.session-ended", email), ("account.signed-out-everywhere", email)]
    all_of_them, one = Change.objects.filter(whom=email)[:2]
    assert (one.details, all_of_them.details) == ({"sid": sid}, {"count": 1})
    assert {(line.actor, line.address) for line in (one, all_of_them)} == {(email, "192.0.2.1")}


def test_a_key_that_is_gone_is_recorded_once(as_before: None) -> None:  # noqa: ARG001 - as above
    kid = SigningKey.objects.get(state="signing").kid
    rotation.promote(rotation.announce())
    until = SigningKey.objects.get(kid=kid).verifies_until or 0
    with _written() as written:
        for seconds in (-1, 1, 2):
            rotation.bury(datetime.fromtimestamp(until + seconds, UTC))
    assert written == [("key.gone", kid)]


@pytest.mark.parametrize("odd", ["a\0b", "a\nb", "a\u202eb", "a\ud800b", "a\x1b[2Jb", "a\u2028b"])
def test_what_cannot_be_seen_is_replaced_in_a_line(odd: str) -> None:
    """PostgreSQL takes neither a NUL nor half a character; the others would show a line as another one."""
    seen = "".join(one if one.isprintable() else "\ufffd" for one in odd)
    with changes.by(changes.Actor(odd, None, odd)), transaction.atomic():
        changes.record("test.odd", odd, text=odd, more=[odd, {odd: (odd, 1, True, None)}])
    line = Change.objects.filter(what="test.odd").latest("id")
    assert (line.actor, line.address, line.whom) == (seen, seen, seen)
    assert line.details == {"text": seen, "more": [seen, {seen: [seen, 1, True, None]}]}
    assert odd not in json.dumps(changes.document(line), ensure_ascii=False)


def test_what_is_too_long_is_cut_in_a_line() -> None:
    long = "x" * 100_000
    with changes.by(changes.Actor(long, None, long)), transaction.atomic():
        changes.record("test.long", long, text=long)
    line = Change.objects.get(what="test.long")
    assert (len(line.actor), len(line.address), len(line.whom), len(line.details["text"])) == (
        300,
        45,
        300,
        2000,
    )
    assert line.whom.endswith("x…")
