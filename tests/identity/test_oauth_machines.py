"""Programs that act for themselves, and those that exchange a token for a narrower one."""

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.identity.browser import Browser, signed_in  # isort: skip - sets Django up
from pillion.identity import issue, keys, session_care, tokens
from pillion.identity.models import Revocation, Session
from pillion.identity.oauth import client_care
from tests.identity.program import FORM, MESH, claims, machine, program
from tests.identity.test_oauth_code import refused

PARTNER = "https://partner.example"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def test_a_machine_gets_a_token_of_the_mesh_that_speaks_of_itself() -> None:
    report = machine(roles=("reporter",), scopes=("openid", "orders:read"))
    answer = report.token(grant_type="client_credentials")
    assert answer.status == 200, answer.body
    found = answer.json()
    said = tokens.verify(found["access_token"], keys.public_keys(), issue.realm(), now=int(time.time()))
    assert said["sub"] == said["client_id"] == report.client_id
    assert (said["roles"], said["scope"], said["aud"]) == (["reporter"], "orders:read", MESH)
    assert not {"email", "auth_time", "amr"} & set(said)
    assert not {"refresh_token", "id_token"} & set(found)
    assert found["expires_in"] == 300


def test_it_has_a_session_that_lasts_and_one_revocation_ends_all_its_tokens() -> None:
    report = machine()
    one, two = (report.token(grant_type="client_credentials").json()["access_token"] for _ in range(2))
    sid = claims(one)["sid"]
    assert claims(two)["sid"] == sid
    listed = {session.sid: session for session in session_care.list_sessions()}
    assert (listed[sid].email, listed[sid].client_id) == ("", report.client_id)
    assert report.is_active(one)
    assert session_care.revoke_session(sid) == 1
    assert not report.is_active(one)
    revocation = Revocation.objects.get(sid=sid)
    assert revocation.until >= claims(two)["exp"]
    third = report.token(grant_type="client_credentials").json()["access_token"]
    assert claims(third)["sid"] != sid
    assert report.is_active(third)


def test_no_token_outlives_what_its_session_says_nor_is_older_than_what_is_noted() -> None:
    report = machine()
    token = report.token(grant_type="client_credentials").json()["access_token"]
    mine = Session.objects.filter(sid=claims(token)["sid"])
    mine.update(tokens_until=0, last_used_at=timezone.now() - timedelta(days=2))
    again = report.token(grant_type="client_credentials").json()["access_token"]
    assert claims(again)["sid"] == claims(token)["sid"]
    assert mine.get().tokens_until >= claims(again)["exp"]
    mine.update(expires_at=timezone.now() + timedelta(minutes=2))
    assert (
        claims(report.token(grant_type="client_credentials").json()["access_token"])["sid"]
        != claims(token)["sid"]
    )


def test_a_token_more_costs_no_write() -> None:
    report = machine()
    report.token(grant_type="client_credentials")
    with CaptureQueriesContext(connection) as asked:
        assert report.token(grant_type="client_credentials").status == 200
    statements = [query["sql"] for query in asked]
    assert len(statements) <= 4, statements
    assert not [one for one in statements if not one.startswith("SELECT")]


def test_a_machine_gets_no_scope_of_a_person_and_none_that_it_is_not_registered_for() -> None:
    report = machine(scopes=("openid", "email", "orders:read"))
    refused(report.token(grant_type="client_credentials", scope="openid email"), "invalid_scope")
    refused(report.token(grant_type="client_credentials", scope="orders:write"), "invalid_scope")
    found = report.token(grant_type="client_credentials", scope="orders:write orders:read").json()
    assert found["scope"] == "orders:read"


def test_an_audience_is_one_that_the_client_is_registered_for() -> None:
    report = machine(audiences=(MESH, PARTNER))
    token = report.token(grant_type="client_credentials", resource=PARTNER).json()["access_token"]
    assert claims(token)["aud"] == PARTNER
    with pytest.raises(tokens.InvalidTokenError, match="another mesh"):
        tokens.verify(token, keys.public_keys(), issue.realm(), now=int(time.time()))
    assert report.is_active(token)
    refused(report.token(grant_type="client_credentials", resource="https://other.example"), "invalid_target")
    two = [("grant_type", "client_credentials"), ("resource", PARTNER), ("resource", MESH)]
    refused(report.post("/oauth2/token", two), "invalid_target")
    assert not machine(name="Another").is_active(token), "it is told nothing of what is not for it"


def test_a_client_for_a_partner_alone_gets_no_token_of_the_mesh() -> None:
    report = machine(audiences=(PARTNER,))
    assert claims(report.token(grant_type="client_credentials").json()["access_token"])["aud"] == PARTNER
    refused(report.token(grant_type="client_credentials", resource=MESH), "invalid_target")


def test_another_secret_replaces_the_first_and_a_deleted_client_is_nobody() -> None:
    report = machine()
    token = report.token(grant_type="client_credentials").json()["access_token"]
    old, report.secret = report.secret, client_care.new_secret(report.client_id)
    assert report.token(grant_type="client_credentials").status == 200
    report.secret, new = old, report.secret
    refused(report.token(grant_type="client_credentials"), "invalid_client", 401)
    assert client_care.delete(report.client_id) == 1
    assert Revocation.objects.filter(sid=claims(token)["sid"]).exists()
    report.secret = new
    refused(report.token(grant_type="client_credentials"), "invalid_client", 401)


def exchange(subject: str, **fields: str) -> dict[str, str]:
    """Give the fields of an exchange."""
    return {
        "grant_type": EXCHANGE,
        "subject_token": subject,
        "subject_token_type": ACCESS_TOKEN,
        **fields,
    }


def test_a_service_exchanges_its_callers_token_for_a_narrower_one() -> None:
    """Of the same user and session, for one audience, with who acts in it, and never for longer."""
    browser = signed_in("manager")
    caller = browser.cookies["pillion-token"]
    service = machine(grants=("token_exchange",), audiences=(PARTNER,))
    answer = service.token(**exchange(caller, audience=PARTNER, scope="email"))
    assert answer.status == 200, answer.body
    found = answer.json()
    assert found["issued_token_type"] == ACCESS_TOKEN
    old, new = claims(caller), claims(found["access_token"])
    assert (new["aud"], new["scope"], new["act"]) == (PARTNER, "email", {"sub": service.client_id})
    assert (new["sub"], new["sid"], new["email"], new["roles"], new["amr"]) == tuple(
        old[name] for name in ("sub", "sid", "email", "roles", "amr")
    )
    assert new["exp"] <= old["exp"]
    assert found["expires_in"] == new["exp"] - new["iat"]
    assert service.is_active(found["access_token"])
    browser.post_json("/sign-out", {})
    assert not service.is_active(found["access_token"])
    refused(service.token(**exchange(caller)), "invalid_request")


def test_an_exchange_never_gives_more() -> None:
    browser, grafana = signed_in(), program(audiences=(MESH, PARTNER))
    service = machine(grants=("token_exchange",), audiences=(MESH, PARTNER))
    found = grafana.tokens(browser, scope="openid", resource=PARTNER)
    refused(service.token(**exchange(found["access_token"], audience=MESH)), "invalid_request")
    refused(service.token(**exchange(found["id_token"])), "invalid_request")
    refused(service.token(**exchange(found["refresh_token"])), "invalid_request")
    mine = browser.cookies["pillion-token"]
    refused(service.token(**exchange(mine, scope="openid orders:write")), "invalid_scope")
    refused(service.token(**exchange(mine, audience="https://else.example")), "invalid_target")
    refused(service.token(**exchange(mine, subject_token_type="x")), "invalid_request")
    refused(service.token(**exchange(mine, requested_token_type="x")), "invalid_request")
    refused(service.token(**exchange(mine, actor_token="x")), "invalid_request")
    refused(grafana.token(**exchange(mine)), "unauthorized_client")


def basic(text: str) -> str:
    """Write the header."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic %%%",
        "Bearer x",
        "Basic /////w==",
        basic("nobody:x"),
        basic("x"),
        basic(":"),
        basic("a" * 700),
        basic("client-\0:x"),
    ],
)
def test_who_does_not_authenticate_gets_nothing(header: str) -> None:
    answer = machine().post("/oauth2/token", {"grant_type": "client_credentials"}, authorization=header)
    refused(answer, "invalid_client", 401 if header else 400)
    assert ("Basic" in answer["www-authenticate"]) == bool(header)


def test_a_secret_goes_in_the_header_or_in_the_body_and_not_in_both() -> None:
    report = machine()
    fields = {
        "grant_type": "client_credentials",
        "client_id": report.client_id,
        "client_secret": str(report.secret),
    }
    assert report.post("/oauth2/token", fields, authorization="").status == 200
    refused(report.post("/oauth2/token", fields), "invalid_request")
    refused(
        report.post("/oauth2/token", {**fields, "client_secret": "x"}, authorization=""), "invalid_client"
    )
    other = {"grant_type": "client_credentials", "client_id": "another"}
    refused(report.post("/oauth2/token", other), "invalid_request")
    public = program(public=True)
    with_secret = {"grant_type": "authorization_code", "client_id": public.client_id, "client_secret": "x"}
    refused(report.post("/oauth2/token", with_secret, authorization=""), "invalid_client")
    alone = {"grant_type": "client_credentials", "client_id": report.client_id}
    refused(report.post("/oauth2/token", alone, authorization=""), "invalid_client")


def test_a_guesser_of_secrets_is_slowed_down_and_nobody_else() -> None:
    report = machine()
    right, report.secret = report.secret, "wrong"
    answers = [report.token(grant_type="client_credentials") for _ in range(31)]
    assert [answer.status for answer in answers[:30]] == [401] * 30
    assert answers[30].status == 429
    assert int(answers[30]["retry-after"]) > 0
    assert answers[30].json()["error"] == "invalid_client"
    report.secret = right
    assert report.token(grant_type="client_credentials").status == 200


def test_a_client_revokes_its_own_tokens_and_nobody_elses() -> None:
    browser, grafana, other = signed_in(), program(), machine()
    found = grafana.tokens(browser)
    for token in (
        found["access_token"],
        found["refresh_token"],
        browser.cookies["pillion-token"],
        "x",
        "a.b",
    ):
        assert other.post("/oauth2/revoke", {"token": token}).status == 200
    assert grafana.is_active(found["access_token"])
    assert browser.me().status == 200
    hinted = {"token": found["refresh_token"], "token_type_hint": "access_token"}
    assert grafana.post("/oauth2/revoke", hinted).status == 200
    assert not grafana.is_active(found["access_token"])
    refused(grafana.refresh(found["refresh_token"]), "invalid_grant")
    second = grafana.tokens(browser)
    assert grafana.post("/oauth2/revoke", {"token": second["access_token"]}).status == 200
    assert not grafana.is_active(second["access_token"])
    refused(grafana.post("/oauth2/revoke", {}), "invalid_request")
    nobody = Browser().ask("POST", "/oauth2/revoke", b"token=x", content_type=FORM)
    refused(nobody, "invalid_client")


def test_introspection_needs_a_secret_and_touches_nothing() -> None:
    browser, grafana, public = signed_in(), program(), program(public=True)
    first = grafana.tokens(browser)
    refused(public.post("/oauth2/introspect", {"token": first["access_token"]}), "invalid_client")
    second = grafana.refresh(first["refresh_token"]).json()
    assert grafana.introspect(first["refresh_token"]) == {"active": False}
    said = grafana.introspect(second["refresh_token"])
    assert (said["active"], said["client_id"], said["scope"]) == (True, grafana.client_id, "openid email")
    access = grafana.introspect(second["access_token"])
    assert access["active"]
    assert access["sub"] == browser.me().json()["sub"]
    assert access["token_type"] == "Bearer"
    assert grafana.introspect("x") == {"active": False}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"grant_type=client_credentials&grant_type=client_credentials", FORM),
        (b"grant_type=client_credentials&state=%00", FORM),
        (b"grant_type=client_credentials&state=%ff", FORM),
        ("grant_type=ü".encode(), FORM),
        (b"&".join(b"a%d=1" % n for n in range(99)), FORM),
        (b"grant_type=client_credentials&scope=" + b"x" * 9000, FORM),
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"grant_type=client_credentials", "multipart/form-data; boundary=x"),
        (b"", FORM),
        (b"grant_type=", FORM),
    ],
)
def test_what_cannot_be_read_is_an_invalid_request(body: bytes, kind: str) -> None:
    for path in ("token", "revoke", "introspect", "device_authorization"):
        answer = Browser().ask("POST", f"/oauth2/{path}", body, content_type=kind)
        assert answer.status == 400, answer.body
        assert answer.json()["error"] in {"invalid_request", "invalid_client"}


@pytest.mark.parametrize("grant", ["password", "implicit", 'x"\\', "ü", "CLIENT_CREDENTIALS", "x" * 5000])
def test_another_grant_is_unsupported(grant: str) -> None:
    answer = machine().token(grant_type=grant)
    refused(answer, "unsupported_grant_type")
    assert grant not in answer.body.decode(), "nothing is repeated"


def test_what_stands_in_the_query_counts_for_nothing() -> None:
    answer = machine().post("/oauth2/token?grant_type=client_credentials", {})
    refused(answer, "invalid_request")
    assert Browser().ask("GET", "/oauth2/token").status == 405


def test_of_several_first_requests_at_once_one_opens_the_session() -> None:
    report = machine()
    barrier = threading.Barrier(6)

    def ask() -> str:
        barrier.wait(10)
        found = claims(report.token(grant_type="client_credentials").json()["access_token"])
        connection.close()
        return str(found["sid"])

    with ThreadPoolExecutor(6) as pool:
        assert len({future.result(20) for future in [pool.submit(ask) for _ in range(6)]}) == 1
