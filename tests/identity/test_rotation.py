"""A key's life, step by step, in the database; what the Envoys make of it is shown in tests/control."""

import secrets
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from unittest import mock

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from pillion.identity import accounts, issue, key_rows, keys, rotation, tokens
from pillion.identity.config import Config
from pillion.identity.master_key import MasterKey
from pillion.identity.models import Change, SigningKey
from pillion.identity.rotation import NoSuchKeyError
from pillion.vocabulary import LEEWAY_SECONDS
from tests.identity.browser import signed_in
from tests.identity.conftest import CONFIG

State = SigningKey.State


@pytest.fixture(autouse=True)
def _one_key_as_before() -> Iterator[None]:
    """Give every test one signing key, and the others of this folder theirs back."""
    before = SigningKey.objects.get(state=State.SIGNING)
    yield
    SigningKey.objects.exclude(pk=before.pk).delete()
    before.save(force_update=True)


def state_of(kid: str) -> str:
    """Say where a key is in its life."""
    return str(SigningKey.objects.get(kid=kid).state)


def test_there_is_one_signing_key_and_one_to_follow_it() -> None:
    """The database sees to it, whoever writes."""
    rotation.announce()
    for state in (State.SIGNING, State.ANNOUNCED):
        with pytest.raises(IntegrityError), transaction.atomic():
            key_rows.create("ES256", state)


def test_an_announced_key_is_shown_and_signs_nothing() -> None:
    """Until it is promoted; then the one before it is shown on."""
    old = keys.signing_kid()
    new = rotation.announce()
    assert rotation.announce() == new
    assert keys.signing_kid() == old
    assert [key["kid"] for key in keys.jwks()["keys"]] == [old, new]
    assert rotation.promote(new)
    assert not rotation.promote(new)
    assert keys.signing_kid() == new
    assert state_of(old) == "retired"
    assert [key["kid"] for key in keys.jwks()["keys"]] == [old, new]


def test_a_retired_key_is_gone_when_its_last_token_is_dead() -> None:
    """Not before, and with it goes its private half."""
    accounts.add_user("retired@example.com", "seventeen-purple-geese")
    token = accounts.issue_token("retired@example.com", timedelta(hours=1))
    expires = tokens.verify(token, keys.public_keys(), issue.realm(), now=int(time.time()))["exp"]
    old = keys.signing_kid()
    rotation.promote(rotation.announce())
    now = timezone.now()
    until = SigningKey.objects.get(kid=old).verifies_until
    assert until is not None
    assert expires + LEEWAY_SECONDS < until < expires + 60
    assert rotation.bury(now + timedelta(seconds=until - now.timestamp() - 2)) == []
    assert rotation.bury(now + timedelta(seconds=until - now.timestamp() + 2)) == [old]
    row = SigningKey.objects.get(kid=old)
    assert (row.state, bytes(row.private_key)) == ("gone", b"")
    assert old not in keys.public_keys()


def test_a_key_that_was_given_away_is_gone_at_once() -> None:
    """Its successor is announced in the same commit, and whoever wants a token waits until it signs."""
    browser = signed_in()
    old = keys.signing_kid()
    successor = rotation.revoke(old)
    assert successor is not None
    assert state_of(old) == "gone"
    assert [key["kid"] for key in keys.jwks()["keys"]] == [successor]

    def later() -> None:
        time.sleep(0.2)
        rotation.promote(successor)
        connection.close()

    promoting = threading.Thread(target=later)
    promoting.start()
    assert browser.renew()["Authorization"]
    promoting.join()
    assert browser.me().status == 200


def test_keys_whose_master_key_is_lost_are_replaced_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever state they are in: nobody can sign with them any more, and what they signed is refused."""
    browser = signed_in()
    rotation.promote(rotation.announce())
    rotation.announce()
    before = {str(kid) for kid in SigningKey.objects.values_list("kid", flat=True)}
    assert {state_of(kid) for kid in before} == {"retired", "signing", "announced"}
    monkeypatch.setattr(settings, "MASTER_KEY", MasterKey(secrets.token_bytes(32)))
    assert rotation.undecipherable() == keys.signing_kid()
    recorded = Change.objects.count()
    replaced = rotation.replace()
    assert replaced is not None
    assert {*replaced[0]} == before
    gone = SigningKey.objects.filter(kid__in=before)
    assert {(row.state, bytes(row.private_key)) for row in gone} == {("gone", b"")}
    assert {*keys.public_keys()} == {keys.signing_kid()} == {replaced[1]}
    written = {(line.what, line.whom) for line in [*Change.objects.order_by("id")][recorded:]}
    assert written == {*(("key.replaced", kid) for kid in before), ("key.signs", replaced[1])}
    assert browser.renew()["Authorization"]
    assert (rotation.undecipherable(), rotation.replace()) == (None, None)


def test_keys_that_the_master_key_opens_are_not_replaced() -> None:
    before = rotation.announce()
    shown = keys.jwks()
    assert (rotation.undecipherable(), rotation.replace()) == (None, None)
    assert keys.jwks() == shown
    assert state_of(before) == "announced"


def test_no_token_is_made_without_a_key() -> None:
    """Where the successor does not come, the renewal cannot be answered, and nobody is signed out."""
    browser = signed_in()
    rotation.revoke(keys.signing_kid())
    with mock.patch.object(keys, "PATIENCE_SECONDS", 0.1):
        answer = browser.renew()
    assert (answer.status, answer.set_cookies) == (503, {})
    # Whoever is started next does what was left undone.
    rotation.ensure_signing_key()
    assert browser.renew().status == 200


def test_a_key_that_does_not_sign_is_revoked_without_a_successor() -> None:
    """Retired or announced."""
    old = keys.signing_kid()
    rotation.promote(rotation.announce())
    assert rotation.revoke(old) is None
    announced = rotation.announce()
    assert rotation.revoke(announced) is None
    assert [state_of(old), state_of(announced)] == ["gone", "gone"]


def test_only_a_key_in_use_can_be_revoked() -> None:
    """The error names those that there are."""
    kid = keys.signing_kid()
    with pytest.raises(NoSuchKeyError, match=f"'nonsense'.*{kid}"):
        rotation.revoke("nonsense")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_every_algorithm_signs_and_a_mixed_set_verifies(algorithm: str) -> None:
    """During a change, tokens of both are believed."""
    browser = signed_in()
    before = browser.renew()["Authorization"].removeprefix("Bearer ")
    with override_settings(PILLION=changed(algorithm=algorithm)):
        rotation.promote(rotation.announce())
    after = browser.renew()["Authorization"].removeprefix("Bearer ")
    now = int(time.time())
    for token in (before, after):
        assert tokens.verify(token, keys.public_keys(), issue.realm(), now=now)["sid"]
    assert {key["alg"] for key in keys.jwks()["keys"]} == {"RS256", algorithm}
    assert not any("d" in key for key in keys.jwks()["keys"])


def changed(**other: object) -> Config:
    """Give the configuration of these tests, with something else in it."""
    return CONFIG.model_copy(update=other)
