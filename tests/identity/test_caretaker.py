"""What happens to the keys as time goes by, at moments of the test's choice; who the Envoys are, it makes up."""

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from pillion.identity import caretaker, keys, rotation, sessions
from pillion.identity.acknowledged import FORGOTTEN_SECONDS, SILENT_SECONDS
from pillion.identity.models import ControlReport, Revocation, Session, SigningKey
from tests.identity.browser import signed_in
from tests.identity.conftest import CONFIG

State = SigningKey.State
MONTH = timedelta(seconds=CONFIG.rotation)


@pytest.fixture(autouse=True)
def _one_key_as_before() -> Iterator[None]:
    before = SigningKey.objects.get(state=State.SIGNING)
    yield
    SigningKey.objects.exclude(pk=before.pk).delete()
    before.save(force_update=True)
    ControlReport.objects.all().delete()


def states() -> list[str]:
    """Say where the keys are in their lives, the oldest first."""
    return list(SigningKey.objects.order_by("created_at").values_list("state", flat=True))


def report(
    *held: list[str], silent_for: float = 0.0, missing: tuple[str, ...] = (), control: str = "test"
) -> None:
    """Have a control report Envoys that hold these keys each, and others that it has missed for a minute."""
    seen = time.time() - silent_for
    envoys = [
        {
            "name": f"s{n}",
            "kind": "sidecar",
            "node": f"s{n}",
            "since": seen - 60,
            "keys": kids,
            "revocation": 0,
            "refused": {},
        }
        for n, kids in enumerate(held)
    ]
    absent = [{"name": name, "kind": "sidecar", "since": seen - 60} for name in missing]
    ControlReport.objects.update_or_create(
        instance=control,
        defaults={
            "seen_at": seen,
            "document": json.loads(json.dumps({"envoys": envoys, "missing": absent})),
        },
    )


def tend(now: datetime) -> None:
    """Do what is due at `now`, as a process that has begun just now."""
    caretaker.tend(now, min(now, timezone.now()))


def due() -> datetime:
    """Say when the key that signs now has signed for long enough."""
    signing = SigningKey.objects.get(state=State.SIGNING)
    assert signing.signing_since is not None
    return signing.signing_since + MONTH


def test_a_key_is_left_alone_until_its_time() -> None:
    tend(due() - caretaker.AHEAD - timedelta(seconds=1))
    assert states() == ["signing"]


def test_the_next_key_is_announced_ahead_and_signs_when_it_is_due() -> None:
    old = keys.signing_kid()
    when = due()
    tend(when - caretaker.AHEAD)
    assert states() == ["signing", "announced"]
    tend(when - timedelta(seconds=1))
    assert keys.signing_kid() == old
    tend(when)
    assert states() == ["retired", "signing"]


def test_an_envoy_that_has_not_acknowledged_is_waited_for_and_not_for_ever() -> None:
    old, when = keys.signing_kid(), due()
    new = rotation.announce()
    report([old, new], [old])
    tend(when)
    assert keys.signing_kid() == old
    tend(when + caretaker.PATIENCE + timedelta(seconds=1))
    assert keys.signing_kid() == new


def test_who_is_away_is_waited_for_and_not_for_ever() -> None:
    """It may be back any moment, and believes no token until it is."""
    old, when = keys.signing_kid(), due()
    new = rotation.announce()
    report([old, new], [old, new], missing=("away",))
    tend(when)
    assert keys.signing_kid() == old
    tend(when + caretaker.PATIENCE + timedelta(seconds=1))
    assert keys.signing_kid() == new


@pytest.mark.parametrize("held", [[["old"]], [["old"], ["old"]], []], ids=["refused", "by all", "none there"])
def test_a_key_that_no_envoy_has_does_not_sign(held: list[list[str]]) -> None:
    """However long: nobody would believe a token. They refuse it, or control has just started."""
    old, when = keys.signing_kid(), due()
    rotation.announce()
    report(*held, missing=("away",))
    tend(when + timedelta(days=2))
    assert keys.signing_kid() == old


def test_while_control_is_silent_the_old_key_signs_on() -> None:
    """However long: no Envoy could be told of another."""
    old, when = keys.signing_kid(), due()
    new = rotation.announce()
    for seconds in (SILENT_SECONDS + 1, FORGOTTEN_SECONDS + 1):
        report([old], silent_for=seconds)
        tend(when + timedelta(days=2))
        assert keys.signing_kid() == old
    report([old, new])
    tend(when)
    assert keys.signing_kid() == new


def test_a_control_whose_envoys_have_gone_to_another_one_is_not_missed() -> None:
    old, when = keys.signing_kid(), due()
    new = rotation.announce()
    report([old], silent_for=60, control="killed")
    report([old, new], control="test")
    tend(when)
    assert keys.signing_kid() == new


def test_a_control_is_missed_as_long_as_an_envoy_of_it_may_be_there() -> None:
    """One that nobody has seen for two hours is gone, if another control lives that it could have come to."""
    old, when = keys.signing_kid(), due()
    new = rotation.announce()
    report([old], [old], silent_for=60, control="killed")
    report([old, new], control="test")
    tend(when + timedelta(days=2))
    assert keys.signing_kid() == old
    report([old], [old], silent_for=FORGOTTEN_SECONDS + 1, control="killed")
    tend(when)
    assert keys.signing_kid() == new
    assert not ControlReport.objects.filter(instance="killed").exists()


def test_another_algorithm_is_taken_up_at_once() -> None:
    old = keys.signing_kid()
    with override_settings(PILLION=CONFIG.model_copy(update={"algorithm": "ES256"})):
        rotation.announce()
    with override_settings(PILLION=CONFIG.model_copy(update={"algorithm": "EdDSA"})):
        for _ in range(3):
            tend(timezone.now())
    signing = SigningKey.objects.get(state=State.SIGNING)
    assert signing.algorithm == "EdDSA"
    assert states() == ["retired", "gone", "signing"]
    assert SigningKey.objects.get(kid=old).state == "retired"


def test_of_two_processes_with_different_algorithms_the_later_one_decides() -> None:
    """For a while both run: an edit is led over, or replicas are replaced one by one."""
    earlier, later = timezone.now(), timezone.now() + timedelta(seconds=1)
    settings = CONFIG.model_copy(update={"algorithm": "EdDSA"})
    SigningKey.objects.filter(state=State.SIGNING).update(created_at=earlier - timedelta(hours=1))
    for second in range(2, 7):
        now = earlier + timedelta(seconds=second)
        with override_settings(PILLION=settings):
            caretaker.tend(now, later)
        SigningKey.objects.filter(algorithm="EdDSA").update(created_at=now)
        caretaker.tend(now, earlier)
    assert states() == ["retired", "signing"]
    assert SigningKey.objects.get(state=State.SIGNING).algorithm == "EdDSA"


def test_a_key_that_signs_by_now_is_not_withdrawn() -> None:
    """Another process promoted it a moment ago."""
    new = rotation.announce()
    rotation.promote(new)
    assert not rotation.withdraw(new)
    assert keys.signing_kid() == new


def test_where_all_keys_were_revoked_there_is_a_new_one() -> None:
    """The one that signed, and its successor before it did."""
    successor = rotation.revoke(keys.signing_kid())
    assert successor is not None
    third = rotation.revoke(successor)
    assert third is not None
    SigningKey.objects.filter(kid=third).delete()
    tend(timezone.now())
    assert states() == ["gone", "gone", "announced"]
    tend(timezone.now() + caretaker.URGENT + timedelta(seconds=1))
    assert states() == ["gone", "gone", "signing"]


def test_a_successor_of_a_revoked_key_signs_as_soon_as_it_is_known() -> None:
    successor = rotation.revoke(keys.signing_kid())
    assert successor is not None
    report(["other"])
    tend(timezone.now())
    assert states() == ["gone", "announced"]
    report([successor])
    tend(timezone.now())
    assert states() == ["gone", "signing"]


def test_a_successor_of_a_revoked_key_is_waited_for_a_few_seconds_only() -> None:
    """Nobody can sign in meanwhile."""
    rotation.revoke(keys.signing_kid())
    report(["other"], silent_for=SILENT_SECONDS + 1)
    tend(timezone.now() + caretaker.URGENT + timedelta(seconds=1))
    assert states() == ["gone", "signing"]


def test_revocations_go_when_no_token_can_be_alive_and_their_numbers_never_come_again() -> None:
    """The latest stays, so that the highest number is known."""
    for _ in range(2):
        sid = signed_in().me().json()["session"]
        sessions.revoke(Session.objects.filter(sid=sid), timezone.now())
    first, second = Revocation.objects.order_by("-id")[:2][::-1]
    tend(timezone.now())
    assert Revocation.objects.filter(id=first.id).exists()
    later = datetime.fromtimestamp(second.until + 1, timezone.now().tzinfo)
    sessions.forget_revocations(later)
    assert list(Revocation.objects.values_list("id", flat=True)) == [second.id]
