"""The authorization code grant, at the token endpoint."""

import time
import uuid
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.utils import timezone

from tests.identity.browser import Answer, new_user, signed_in  # isort: skip - sets Django up
from pillion.identity import accounts, keys, session_care, tokens
from pillion.identity.issue import realm
from pillion.identity.models import OAuthCode, OAuthGrant, Revocation, Session
from pillion.identity.oauth import grant_care, grant_sessions
from tests.identity.program import CALLBACK, MESH, claims, header, machine, program, query


def refused(answer: Answer, error: str, status: int = 400) -> None:
    """Look at an error as RFC 6749, section 5.2, has it."""
    assert answer.status == status, answer.body
    assert answer.json()["error"] == error, answer.body
    assert answer["content-type"] == "application/json"
    assert answer["cache-control"] == "no-store"


def test_somebody_who_is_signed_in_comes_back_with_a_code_the_state_and_the_issuer() -> None:
    answer = program().authorize(signed_in())
    assert answer.status == 303
    assert answer["location"].startswith(f"{CALLBACK}?")
    found = query(answer)
    assert (found["state"], found["iss"]) == ("a state", "http://localhost:8080")
    assert set(found) == {"code", "state", "iss"}


def test_a_code_is_worth_a_token_of_the_mesh_with_a_session_behind_it() -> None:
    browser, grafana = signed_in("manager"), program()
    found = grafana.tokens(browser)
    assert found["token_type"] == "Bearer"
    assert found["expires_in"] == 300
    assert found["scope"] == "openid email"
    said = tokens.verify(found["access_token"], keys.public_keys(), realm(), now=int(time.time()))
    me = browser.me().json()
    assert (said["sub"], said["email"], said["roles"]) == (me["sub"], me["email"], ["manager"])
    assert said["client_id"] == grafana.client_id
    assert said["amr"] == ["pwd"]
    session = Session.objects.get(sid=said["sid"])
    assert said["sid"] != me["session"]
    assert session.tokens_until >= said["exp"]
    assert said["auth_time"] == int(session.auth_time.timestamp()) if session.auth_time else False


def test_the_id_token_is_the_clients_and_no_token_of_the_mesh() -> None:
    browser, grafana = signed_in("manager"), program(scopes=("openid", "email", "roles"))
    found = grafana.tokens(browser, scope="openid email roles")
    said = claims(found["id_token"])
    access = claims(found["access_token"])
    assert header(found["id_token"])["typ"] == "JWT"
    assert (said["iss"], said["aud"], said["nonce"]) == (
        "http://localhost:8080",
        grafana.client_id,
        "a nonce",
    )
    assert (said["sub"], said["sid"], said["auth_time"]) == (
        access["sub"],
        access["sid"],
        access["auth_time"],
    )
    assert (said["email_verified"], said["roles"]) == (True, ["manager"])
    with pytest.raises(tokens.InvalidTokenError):
        tokens.verify(found["id_token"], keys.public_keys(), realm(), now=int(time.time()))
    assert browser.ask("GET", "/me", authorization=f"Bearer {found['id_token']}").status == 401
    assert browser.ask("GET", "/oauth2/userinfo", authorization=f"Bearer {found['id_token']}").status == 401
    assert not grafana.is_active(found["id_token"])


def test_what_was_not_granted_is_not_told() -> None:
    """No openid: no ID token; no email: none in the token either, nor in the user info."""
    browser, grafana = signed_in(), program()
    assert "id_token" not in grafana.tokens(browser, scope="email")
    found = grafana.tokens(browser, scope="openid unknown")
    assert found["scope"] == "openid"
    assert "email" not in claims(found["access_token"])
    assert "email" not in claims(found["id_token"])
    told = browser.ask("GET", "/oauth2/userinfo", authorization=f"Bearer {found['access_token']}").json()
    assert set(told) == {"sub"}


def test_a_code_is_good_once_and_a_second_use_ends_what_came_of_the_first() -> None:
    grafana = program()
    code = grafana.code(signed_in())
    found = grafana.redeem(code).json()
    assert grafana.is_active(found["access_token"])
    refused(grafana.redeem(code), "invalid_grant")
    assert not grafana.is_active(found["access_token"])
    refused(grafana.refresh(found["refresh_token"]), "invalid_grant")
    assert Revocation.objects.filter(sid=claims(found["access_token"])["sid"]).exists()


def test_of_many_who_use_a_code_at_once_nobody_is_left_with_tokens() -> None:
    """One is served, the others show that the code was stolen."""
    grafana = program()
    code = grafana.code(signed_in())
    answers: list[Answer] = []
    together = Barrier(4)

    def redeem() -> None:
        together.wait()
        answers.append(grafana.redeem(code))

    threads = [Thread(target=redeem) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served = [answer.json() for answer in answers if answer.status == 200]
    assert len(served) == 1
    assert not grafana.is_active(served[0]["access_token"])


def test_another_client_can_neither_use_a_code_nor_end_what_came_of_it() -> None:
    grafana, other = program(), program(name="Other")
    code = grafana.code(signed_in())
    refused(other.redeem(code, code_verifier=grafana.verifier), "invalid_grant")
    found = grafana.redeem(code).json()
    refused(other.redeem(code, code_verifier=grafana.verifier), "invalid_grant")
    assert grafana.is_active(found["access_token"])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "x" * 42}, "invalid_request"),
        ({"code_verifier": "ü" * 43}, "invalid_request"),
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"code": "nonsense"}, "invalid_grant"),
        ({"code": ""}, "invalid_request"),
        ({"resource": "https://partner.example"}, "invalid_target"),
    ],
)
def test_a_code_needs_all_that_belongs_to_it(fields: dict[str, str], error: str) -> None:
    grafana = program()
    code = grafana.code(signed_in())
    refused(grafana.redeem(code, **fields), error)
    assert grafana.redeem(code).status == 200, "a mistake is no use of the code"


def test_a_code_is_good_for_a_minute() -> None:
    grafana = program()
    code = grafana.code(signed_in())
    OAuthCode.objects.update(expires_at=timezone.now())
    refused(grafana.redeem(code), "invalid_grant")
    code = grafana.code(signed_in())
    left = OAuthCode.objects.latest("expires_at").expires_at - timezone.now()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


def test_who_signs_out_takes_the_code_and_the_tokens_along() -> None:
    browser, grafana = signed_in(), program()
    found, code = grafana.tokens(browser), grafana.code(browser)
    assert browser.post_json("/sign-out", {}).status == 204
    refused(grafana.redeem(code), "invalid_grant")
    refused(grafana.refresh(found["refresh_token"]), "invalid_grant")
    assert not grafana.is_active(found["access_token"])
    assert Revocation.objects.filter(sid=claims(found["access_token"])["sid"]).exists()


def test_a_disabled_user_has_no_grants_left() -> None:
    """Also those that go on while nobody is there; a new password ends them as well."""
    for end in (
        lambda email: accounts.set_active(email, active=False),
        lambda email: accounts.set_password(email, "another long passphrase"),
        accounts.delete_user,
    ):
        email = new_user()
        browser = signed_in()
        assert browser.sign_in(email).status == 200
        grafana = program(scopes=("openid", "offline_access"))
        found = grafana.tokens(browser, scope="openid offline_access")
        code = grafana.code(browser)
        end(email)
        refused(grafana.refresh(found["refresh_token"]), "invalid_grant")
        refused(grafana.redeem(code), "invalid_grant")
        assert not grafana.is_active(found["access_token"])


def test_nothing_that_opens_a_door_is_kept_in_clear() -> None:
    grafana = program()
    code = grafana.code(signed_in())
    found = grafana.redeem(code).json()
    rows = [*OAuthCode.objects.values(), *OAuthGrant.objects.values(), *Session.objects.values()]
    kept = str(rows)
    assert code not in kept
    assert not any(part in kept for part in found["refresh_token"].split("."))
    assert str(grafana.secret) not in str(list(OAuthGrant.objects.values("client__secret_hash")))


def test_a_grants_session_is_listed_and_can_be_revoked_by_its_id() -> None:
    browser, grafana = signed_in(), program()
    found = grafana.tokens(browser)
    sid = claims(found["access_token"])["sid"]
    listed = {session.sid: session for session in session_care.list_sessions(browser.me().json()["email"])}
    assert listed[sid].client_id == grafana.client_id
    assert session_care.revoke_session(sid) == 1
    assert not grafana.is_active(found["access_token"])
    assert browser.me().status == 200, "the browser's own session goes on"


def test_a_client_without_the_grant_gets_nothing_for_a_code() -> None:
    refused(machine().redeem("x"), "unauthorized_client")
    refused(program().token(grant_type="client_credentials"), "unauthorized_client")


def test_two_programs_that_share_a_session_have_sessions_of_their_own() -> None:
    browser, first, second = signed_in(), program(), program(name="Second")
    one, two = first.tokens(browser), second.tokens(browser)
    session_care.revoke_session(str(uuid.UUID(claims(one["access_token"])["sid"])))
    assert not first.is_active(one["access_token"])
    assert second.is_active(two["access_token"])
    assert claims(two["access_token"])["aud"] == MESH


def test_a_code_that_is_taken_back_is_worth_nothing_also_while_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser, grafana = signed_in(), program(first_party=True)
    email = grafana.introspect(grafana.tokens(browser)["access_token"])["email"]
    code, another = grafana.code(browser), grafana.code(browser)
    grant_care.withdraw(email, grafana.client_id)
    refused(grafana.redeem(code), "invalid_grant")
    open_session = grant_sessions.open_session

    def slowly(*given: Any) -> OAuthGrant:
        OAuthCode.objects.filter(client=grafana.client_id).delete()
        return open_session(*given)

    monkeypatch.setattr(grant_sessions, "open_session", slowly)
    refused(grafana.redeem(another), "invalid_grant")
    refused(grafana.redeem(grafana.code(browser)), "invalid_grant")
