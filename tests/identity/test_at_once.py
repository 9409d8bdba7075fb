"""Two who do at once what must not cross: held apart by hand, at the worst moment.

SQLite lets one writer in, so that there is nothing to hold apart: most of these are about PostgreSQL.
"""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.test import RequestFactory
from django.utils import timezone

from pillion.identity import (
    accounts,
    backend,
    limits,
    links,
    locks,
    rotation,
    session_care,
    sessions,
    tries,
    unconfirmed,
)
from pillion.identity.flows import signed_in as flow
from pillion.identity.models import OAuthGrant, Revocation, Session, SigningKey, Tries, User
from pillion.identity.oauth import grant_care, grant_sessions
from tests.identity.browser import Browser, new_email, new_user, signed_in, signed_in_as
from tests.identity.conftest import CONFIG
from tests.identity.databases import only_on_postgresql, somebody_waits
from tests.identity.operators import OPERATOR, Operator, list_of, with_role
from tests.identity.program import program
from tests.identity.provider_site import Site, asking, new_person, provider, serving, sign_in
from tests.local.waiting import until

pytestmark = pytest.mark.usefixtures("as_before")

State = SigningKey.State
OTHER_PASSWORD = "another horse battery staple"
PATIENCE = 10.0


def start(work: Callable[[], Any]) -> "Future[Any]":
    """Do it in another thread, on a connection of its own, and come back when it waits for a lock or has ended."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is the future's
            future.set_exception(error)
        finally:
            connection.close()

    threading.Thread(target=run, daemon=True).start()
    until(lambda: future.done() or somebody_waits(CONFIG.database), "the other one waits, or is done")
    return future


def session_of(browser: Browser) -> Session:
    """Give the row behind a browser's session."""
    return Session.objects.get(key_hash=sessions.hash_of(browser.cookies["pillion-session"]))


def revoke(session: Session) -> int:
    """Revoke one session."""
    return sessions.revoke(Session.objects.filter(sid=session.sid), timezone.now())


def number(session: Session) -> int:
    """Give the number of a session's revocation."""
    return int(Revocation.objects.get(sid=session.sid).id)


@only_on_postgresql
def test_numbers_of_revocations_are_seen_in_their_order() -> None:
    """Else an Envoy would acknowledge 6 while 5 is not there yet, and be taken to have 5 as soon as it is."""
    first, second = session_of(signed_in()), session_of(signed_in())
    with transaction.atomic():
        revoke(first)
        other = start(lambda: revoke(second))
        assert not Revocation.objects.filter(sid=second.sid).exists()
    assert other.result(PATIENCE) == 1
    assert number(first) < number(second)


@only_on_postgresql
def test_a_token_that_is_noted_while_its_session_is_revoked_is_covered() -> None:
    """The renewal came first: the revocation stays on the list for as long as its token lives."""
    session = session_of(signed_in())
    later = timezone.now() + timedelta(seconds=2000)
    with transaction.atomic():
        assert sessions.may_have_token(session.sid, 0, later, 1000)
        revoking = start(lambda: revoke(session))
    assert revoking.result(PATIENCE) == 1
    assert Revocation.objects.get(sid=session.sid).until > later.timestamp() + 1000


@only_on_postgresql
def test_no_token_is_made_for_a_session_that_is_being_revoked() -> None:
    """The revocation came first: the renewal waits for it, and then knows."""
    session = session_of(signed_in())
    with transaction.atomic():
        revoke(session)
        renewing = start(lambda: sessions.may_have_token(session.sid, 0, timezone.now(), 300))
    assert renewing.result(PATIENCE) is False


@only_on_postgresql
def test_a_session_that_is_opened_while_all_are_revoked_is_not_revoked_unlisted() -> None:
    """It is later than the order, and goes on; were it revoked as well, its token would be on no list."""
    email = new_user()
    user = User.objects.get(email=email)
    assert Browser().sign_in(email).status == 200
    now = timezone.now()
    with transaction.atomic():
        Session.objects.filter(user=user).update(user_agent="held")
        revoking = start(lambda: sessions.revoke(Session.objects.filter(user=user), now))
        start(lambda: sessions.open_for(user, client_id="x", lifetime=timedelta(1), amr=(), now=now)).result(
            PATIENCE
        )
    assert revoking.result(PATIENCE) == 1
    revoked = set(Session.objects.filter(user=user, revoked_at__isnull=False).values_list("sid", flat=True))
    assert revoked == set(Revocation.objects.filter(sid__in=revoked).values_list("sid", flat=True))


@only_on_postgresql
def test_a_key_that_is_revoked_while_it_is_promoted_leaves_one_that_signs() -> None:
    """The revocation came first: nothing is promoted, and the key before it signs on."""
    kid = rotation.announce()
    with transaction.atomic():
        rotation.revoke(kid)
        promoting = start(lambda: rotation.promote(kid))
    assert promoting.result(PATIENCE) is False
    assert SigningKey.objects.filter(state=State.SIGNING).count() == 1


@only_on_postgresql
def test_a_key_that_is_promoted_while_it_is_revoked_gets_a_successor() -> None:
    """The promotion came first: the revoked key signs, so that another has to take its place."""
    kid = rotation.announce()
    with transaction.atomic():
        assert rotation.promote(kid)
        revoking = start(lambda: rotation.revoke(kid))
    successor = revoking.result(PATIENCE)
    assert successor is not None
    assert rotation.promote(successor)


@only_on_postgresql
def test_two_who_announce_a_key_announce_one() -> None:
    """The second is given the first one's."""
    with transaction.atomic():
        kid = rotation.announce()
        other = start(rotation.announce)
    assert other.result(PATIENCE) == kid
    assert rotation.promote(kid)


@only_on_postgresql
def test_a_long_token_that_is_made_while_keys_change_is_believed_to_its_end() -> None:
    """An hour's token of the command line: the key that may sign it is believed for as long."""
    user = User.objects.get(email=new_user())
    before, kid = SigningKey.objects.get(state=State.SIGNING).kid, rotation.announce()
    with transaction.atomic():
        hour = timedelta(hours=1)
        session = sessions.open_for(user, client_id="x", lifetime=hour, amr=(), now=timezone.now())
        promoting = start(lambda: rotation.promote(kid))
    assert promoting.result(PATIENCE) is True
    assert (SigningKey.objects.get(kid=before).verifies_until or 0) >= session.tokens_until


@only_on_postgresql
def test_no_try_is_lost_when_two_are_counted_at_once() -> None:
    """The second waits until the first is written, and adds to it."""
    request = RequestFactory().post("/sign-up", headers={"X-Forwarded-For": "198.51.100.200"})
    with transaction.atomic():
        limits.try_sign_up(request)
        other = start(lambda: limits.try_sign_up(request))
        assert not other.done()
    other.result(PATIENCE)
    assert sorted(len(json.loads(row.times)) for row in Tries.objects.all()) == [2]


@only_on_postgresql
def test_who_counts_a_try_is_not_waited_for_when_old_ones_are_forgotten() -> None:
    """Each would hold what the other waits for."""
    for name in ("a", "b"):
        Tries.objects.create(name=name, times="[]", until=0)
    with transaction.atomic():
        Tries.objects.filter(name="b").update(times="[1]")
        start(lambda: tries.forget(time.time())).result(PATIENCE)
        assert not Tries.objects.filter(name="a").update(times="[1]")
    assert list(Tries.objects.values_list("name", flat=True)) == ["b"]


@only_on_postgresql
def test_who_signs_in_by_a_provider_waits_for_a_limit_with_nothing_in_hand() -> None:
    """By a passkey the limit is taken first and then the account's row; the other way round both would wait."""
    person, request = new_person(), RequestFactory().post("/", headers={"X-Forwarded-For": "198.51.100.200"})
    with serving(Site()) as site, asking(provider(site)):
        assert sign_in(Browser(), site, person).status == 303
        with transaction.atomic():
            limits.open_session(request, person["email"])
            other = start(lambda: sign_in(Browser(), site, person).status)
            assert not other.done()
            assert User.objects.select_for_update().get(email=person["email"])
        assert other.result(PATIENCE) == 303


CHANGES: dict[str, Callable[[str], object]] = {
    "password": lambda email: accounts.set_password(email, OTHER_PASSWORD),
    "disabled": lambda email: accounts.set_active(email, active=False),
    "deleted": accounts.delete_user,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_sign_in_is_refused_whose_account_changed_while_its_password_was_looked_at(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password was right a moment ago; now it opens nothing."""
    email = new_user()
    find = backend.find

    def then_change(*asked: str) -> User | None:
        found = find(*asked)
        assert found is not None
        CHANGES[change](email)
        return found

    monkeypatch.setattr(backend, "find", then_change)
    answer = Browser().sign_in(email)
    assert (answer.status, answer.code) == (401, "wrong-credentials")
    assert not answer.set_cookies
    assert not Session.objects.filter(user__email=email, revoked_at__isnull=True).exists()


@only_on_postgresql
def test_a_sign_in_waits_for_a_password_that_is_being_changed() -> None:
    """The change came first, and is not yet to be seen."""
    email = new_user()
    with transaction.atomic():
        accounts.set_password(email, OTHER_PASSWORD)
        signing_in = start(lambda: Browser().sign_in(email).status)
        assert not signing_in.done()
    assert signing_in.result(PATIENCE) == 401


@only_on_postgresql
def test_a_new_password_ends_the_session_that_is_just_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sign-in came first: whoever changes the password waits for it, and revokes it."""
    email = new_user()
    changing: list[Future[Any]] = []

    def described(request: Any) -> None:
        changing.append(start(lambda: accounts.set_password(email, OTHER_PASSWORD)))
        assert not changing[0].done()
        describe(request)

    describe = flow.describe
    monkeypatch.setattr(flow, "describe", described)
    Browser().sign_in(email)
    changing[0].result(PATIENCE)
    (session,) = Session.objects.filter(user__email=email)
    assert session.revoked_at is not None
    assert Revocation.objects.filter(sid=session.sid).exists()


MUTUAL = {
    "disable": {"confirmed": "yes"},
    "take_role": {"role": OPERATOR},
    "delete": {"confirmed": "yes"},
}


def of(operator: Operator) -> User:
    """Give the account of an operator."""
    return User.objects.get(pk=operator.claims()["sub"])


def operators_left(*ids: UUID) -> int:
    """Count those of them who may still give orders."""
    left = User.objects.filter(pk__in=ids, is_active=True)
    return sum(OPERATOR in user.roles for user in left)


@pytest.mark.parametrize("order", MUTUAL)
def test_an_operator_who_is_none_any_more_orders_nothing(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have been let in; then the one is quicker."""
    first, second = with_role(OPERATOR), with_role(OPERATOR)
    one, other = of(first), of(second)
    until_refused = session_care.until_refused

    def after_the_other(change: Callable[[], Any]) -> Any:
        monkeypatch.setattr(session_care, "until_refused", until_refused)
        first.order("user", order, other.pk, **MUTUAL[order])
        return until_refused(change)

    monkeypatch.setattr(session_care, "until_refused", after_the_other)
    second.order("user", order, one.pk, **MUTUAL[order])
    assert (operators_left(one.pk), operators_left(other.pk)) == (1, 0)


@only_on_postgresql
def test_of_two_operators_who_disable_each_other_one_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits for the first, whose order is not to be seen yet."""
    first, second = with_role(OPERATOR), with_role(OPERATOR)
    one, other = of(first), of(second)
    second.proof(list_of("user"))  # it is in the session, whose row the first order will hold
    ordered: list[Future[Any]] = []
    set_active = accounts.set_active

    def slowly(email: str, *, active: bool) -> Any:
        done = set_active(email, active=active)
        if email == other.email:
            ordered.append(start(lambda: second.order("user", "disable", one.pk, confirmed="yes")))
        return done

    monkeypatch.setattr(accounts, "set_active", slowly)
    first.order("user", "disable", other.pk, confirmed="yes")
    ordered[0].result(PATIENCE)
    assert operators_left(one.pk, other.pk) == 1


ENDS: dict[str, Callable[[str], object]] = {
    "taken back": grant_care.withdraw,
    "disabled": lambda email: accounts.set_active(email, active=False),
}


@only_on_postgresql
@pytest.mark.parametrize("ended", ENDS)
def test_a_grant_that_is_just_being_opened_ends_too(ended: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code came first: whoever ends what was allowed waits for it, and ends what came of it."""
    (browser, email), grafana = signed_in_as(), program()
    grafana.tokens(browser)
    code = grafana.code(browser)
    ending: list[Future[Any]] = []
    open_session = grant_sessions.open_session

    def slowly(*given: Any) -> OAuthGrant:
        ending.append(start(lambda: ENDS[ended](email)))
        return open_session(*given)

    monkeypatch.setattr(grant_sessions, "open_session", slowly)
    token = grafana.redeem(code).json()["access_token"]
    ending[0].result(PATIENCE)
    assert not grafana.is_active(token)


@only_on_postgresql
@pytest.mark.usefixtures("mail")
def test_an_account_that_is_just_being_confirmed_is_not_forgotten() -> None:
    """The confirmation came first, a week late."""
    email, later = new_email(), timezone.now() + timedelta(days=8)
    Browser().post_json("/sign-up", {"email": email, "password": OTHER_PASSWORD})
    with transaction.atomic():
        links.hold(User.objects.get(email=email))
        EmailAddress.objects.filter(email=email).update(verified=True)
        forgetting = start(lambda: unconfirmed.forget(later))
    forgetting.result(PATIENCE)
    assert User.objects.filter(email=email).exists()


def test_a_lock_needs_a_transaction() -> None:
    """Else it would be let go at once, and hold nobody back."""
    with pytest.raises(RuntimeError, match="there is none"):
        locks.hold(locks.KEYS)
