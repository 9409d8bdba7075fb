"""Refresh tokens: each good once; who replays one ends the family."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.utils import timezone

from tests.identity.browser import Answer, signed_in  # isort: skip - sets Django up
from pillion.identity.models import OAuthGrant, Revocation, Session
from pillion.identity.oauth import back_channel
from tests.identity.program import claims, program
from tests.identity.test_oauth_code import refused

OFFLINE = ("openid", "email", "offline_access")


def test_a_refresh_token_gives_the_next_ones_of_the_same_session() -> None:
    grafana = program()
    first = grafana.tokens(signed_in())
    answer = grafana.refresh(first["refresh_token"])
    assert answer.status == 200, answer.body
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    old, new = claims(first["access_token"]), claims(second["access_token"])
    assert old["jti"] != new["jti"]
    assert {**old, "jti": 0, "iat": 0, "exp": 0} == {**new, "jti": 0, "iat": 0, "exp": 0}
    named = claims(second["id_token"])
    assert (named["sid"], named["aud"], "nonce" in named) == (old["sid"], grafana.client_id, False)
    assert grafana.refresh(second["refresh_token"]).status == 200


def test_a_replayed_refresh_token_ends_the_family_for_thief_and_owner() -> None:
    grafana = program()
    first = grafana.tokens(signed_in())
    second = grafana.refresh(first["refresh_token"]).json()
    refused(grafana.refresh(first["refresh_token"]), "invalid_grant")
    refused(grafana.refresh(second["refresh_token"]), "invalid_grant")
    assert not grafana.is_active(second["access_token"])
    assert Revocation.objects.filter(sid=claims(second["access_token"])["sid"]).exists()


def test_a_forged_end_of_a_refresh_token_ends_the_family_too() -> None:
    """Only somebody who has seen one of them knows the selector."""
    grafana = program()
    first = grafana.tokens(signed_in())
    selector = first["refresh_token"].partition(".")[0]
    refused(grafana.refresh(f"{selector}.guess"), "invalid_grant")
    assert not grafana.is_active(first["access_token"])


def test_of_many_who_use_one_at_once_nobody_is_left_with_tokens() -> None:
    grafana = program()
    first = grafana.tokens(signed_in())
    answers: list[Answer] = []
    together = Barrier(4)

    def refresh() -> None:
        together.wait()
        answers.append(grafana.refresh(first["refresh_token"]))

    threads = [Thread(target=refresh) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served = [answer.json() for answer in answers if answer.status == 200]
    assert len(served) == 1
    assert not grafana.is_active(served[0]["access_token"])


def test_another_client_can_neither_use_one_nor_end_the_family() -> None:
    grafana, other = program(), program(name="Other")
    first = grafana.tokens(signed_in())
    refused(other.refresh(first["refresh_token"]), "invalid_grant")
    selector = first["refresh_token"].partition(".")[0]
    refused(other.refresh(f"{selector}.guess"), "invalid_grant")
    assert grafana.refresh(first["refresh_token"]).status == 200


@pytest.mark.parametrize("sent", ["x", "x.y", ".", "a.b.c", "x.", ".y", "x" * 8000])
def test_nonsense_is_refused_and_ends_nothing(sent: str) -> None:
    grafana = program()
    first = grafana.tokens(signed_in())
    refused(grafana.refresh(sent), "invalid_grant")
    assert grafana.is_active(first["access_token"])


def test_a_refresh_can_ask_for_less_and_not_for_more() -> None:
    grafana = program(scopes=OFFLINE)
    first = grafana.tokens(signed_in())
    refused(grafana.refresh(first["refresh_token"], scope="openid email offline_access"), "invalid_scope")
    less = grafana.refresh(first["refresh_token"], scope="openid").json()
    assert less["scope"] == claims(less["access_token"])["scope"] == "openid"
    assert "email" not in claims(less["access_token"])
    again = grafana.refresh(less["refresh_token"]).json()
    assert again["scope"] == "openid email", "what was granted stays granted"


def test_a_public_client_refreshes_without_a_secret() -> None:
    app = program(public=True)
    first = app.tokens(signed_in())
    assert app.refresh(first["refresh_token"]).status == 200
    refused(app.refresh(first["refresh_token"]), "invalid_grant")


def test_without_offline_access_it_ends_with_the_browsers_session_and_keeps_that_alive() -> None:
    browser, grafana = signed_in(), program()
    found = grafana.tokens(browser)
    parent = Session.objects.filter(sid=browser.me().json()["session"])
    grant = OAuthGrant.objects.get(session=claims(found["access_token"])["sid"])
    assert grant.session.expires_at == parent.get().expires_at
    parent.update(last_used_at=timezone.now() - timedelta(hours=23))
    found = grafana.refresh(found["refresh_token"]).json()
    assert timezone.now() - parent.get().last_used_at < timedelta(minutes=1)
    parent.update(last_used_at=timezone.now() - timedelta(hours=25))
    refused(grafana.refresh(found["refresh_token"]), "invalid_grant")
    assert not grafana.is_active(found["access_token"])
    back_channel.tidy(timezone.now())
    assert Session.objects.get(sid=grant.session_id).revoked_at is not None


def test_with_offline_access_it_outlives_the_browsers_session_for_thirty_days_at_a_time() -> None:
    browser, grafana = signed_in(), program(scopes=OFFLINE)
    found = grafana.tokens(browser, scope="openid offline_access")
    browser.post_json("/sign-out", {})
    mine = Session.objects.filter(sid=claims(found["access_token"])["sid"])
    mine.update(
        last_used_at=timezone.now() - timedelta(days=3), expires_at=timezone.now() + timedelta(days=20)
    )
    found = grafana.refresh(found["refresh_token"]).json()
    assert mine.get().expires_at - timezone.now() > timedelta(days=29)
    mine.update(expires_at=timezone.now())
    refused(grafana.refresh(found["refresh_token"]), "invalid_grant")


def test_a_client_that_may_not_refresh_gets_no_refresh_token() -> None:
    plain = program(grants=("authorization_code",))
    assert "refresh_token" not in plain.tokens(signed_in())
    refused(plain.refresh("x.y"), "unauthorized_client")
