"""Signing out from a program, and telling programs that somebody has signed out."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import chain, repeat
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.identity.browser import Answer, Browser, signed_in  # isort: skip - sets Django up
from pillion.identity import accounts, issue, keys, session_care, tokens
from pillion.identity.models import OAuthGrant, Session
from pillion.identity.oauth import back_channel
from tests.identity.program import CALLBACK, Program, claims, header, program
from tests.identity.test_oauth_authorize import hidden

GOODBYE = "https://grafana.example/goodbye"


def leaving(**wanted: Any) -> Program:
    """Register a program that signs people out."""
    return program(post_logout_redirect_uris=(GOODBYE,), **wanted)


def leave(browser: Browser, **parameters: str) -> Answer:
    """Send the browser to sign out."""
    return browser.ask("GET", f"/oauth2/logout?{urlencode(parameters)}", accept="text/html")


def test_a_program_signs_out_its_user_and_gets_them_back() -> None:
    browser, grafana, other = signed_in(), leaving(), program(name="Other")
    found, others = grafana.tokens(browser), other.tokens(browser)
    answer = leave(
        browser, id_token_hint=found["id_token"], post_logout_redirect_uri=GOODBYE, state="a state"
    )
    assert answer.status == 303
    assert answer["location"] == f"{GOODBYE}?state=a%20state"
    assert browser.cookies == {}
    assert not grafana.is_active(found["access_token"])
    assert not other.is_active(others["access_token"]), "it was one sign-in"


def test_an_expired_id_token_names_its_user_still(monkeypatch: pytest.MonkeyPatch) -> None:
    browser, grafana = signed_in(), leaving()
    monkeypatch.setattr("pillion.identity.oauth.id_token.time.time", lambda: 1_700_000_000)
    hint = grafana.tokens(browser)["id_token"]
    assert claims(hint)["exp"] < 1_800_000_000
    assert leave(browser, id_token_hint=hint, post_logout_redirect_uri=GOODBYE)["location"] == GOODBYE


def test_without_a_hint_or_with_somebody_elses_the_person_is_asked() -> None:
    browser, grafana = signed_in(), leaving()
    of_another = grafana.tokens(signed_in())["id_token"]
    for hint in ({}, {"id_token_hint": of_another}):
        asked = leave(browser, client_id=grafana.client_id, post_logout_redirect_uri=GOODBYE, **hint)
        assert asked.status == 200
        assert b"Sign out?" in asked.body
        assert browser.me().status == 200
    answer = browser.post_form("/oauth2/sign-out", hidden(asked))
    assert answer["location"] == GOODBYE
    assert browser.cookies == {}


def test_another_site_cannot_press_that_button_either() -> None:
    browser = signed_in()
    form = hidden(leave(browser))
    assert browser.post_form("/oauth2/sign-out", form, sec_fetch_site="cross-site").status == 403
    assert browser.post_form("/oauth2/sign-out", {**form, "session": "x"}).status == 400
    assert browser.me().status == 200
    assert b"You are signed out" in browser.post_form("/oauth2/sign-out", form).body


@pytest.mark.parametrize(
    "uri",
    [
        f"{GOODBYE}/",
        f"{GOODBYE}?x",
        CALLBACK,
        "https://evil.example",
        "//evil.example",
        "javascript:alert(1)",
    ],
)
def test_nobody_is_led_where_the_client_has_not_registered(uri: str) -> None:
    browser, grafana = signed_in(), leaving()
    hint = grafana.tokens(browser)["id_token"]
    answer = leave(browser, id_token_hint=hint, post_logout_redirect_uri=uri)
    assert answer.status == 400
    assert not answer["location"]


def test_a_hint_that_is_none_of_ours_is_refused() -> None:
    browser, grafana, other = signed_in(), leaving(), leaving(name="Other")
    found = grafana.tokens(browser)
    forged = jwt.encode(
        {"alg": "RS256", "typ": "JWT", "kid": issue.current_signer().kid},
        claims(found["id_token"]),
        RSAKey.generate_key(2048),
        algorithms=["RS256"],
    )
    for hint in ("x", "a.b.c", found["access_token"], forged):
        assert leave(browser, id_token_hint=hint).status == 400
    assert leave(browser, id_token_hint=found["id_token"], client_id=other.client_id).status == 400
    assert browser.me().status == 200


def test_a_posted_request_is_asked_again_as_a_get() -> None:
    answer = Browser().post_form("/oauth2/logout", {"state": "x"}, sec_fetch_site="cross-site")
    assert (answer.status, answer["location"]) == (303, "/oauth2/logout?state=x")


class Listener:
    """A client's back channel: a real HTTP server, which answers with `status`."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        self.goes_on: Iterable[bytes] = ()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted = self.rfile.read(int(self.headers["Content-Length"])).decode()
                assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
                listener.heard.append(parse_qs(posted)["logout_token"][0])
                self.send_response(listener.status)
                self.send_header("Location", "/elsewhere")
                if not listener.goes_on:
                    self.end_headers()
                    return
                self.flush_headers()
                with suppress(OSError):  # nobody listens any more
                    for part in listener.goes_on:
                        self.wfile.write(part)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}/logout"


@contextmanager
def listening() -> Iterator[Listener]:
    """Run a back channel until the block ends; nobody else's grant is waiting."""
    OAuthGrant.objects.update(tell_at=None)
    listener = Listener()
    thread = Thread(target=listener.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield listener
    finally:
        listener.server.shutdown()
        thread.join()
        listener.server.server_close()


def test_a_client_is_told_of_a_session_that_ends_however_it_does() -> None:
    def sign_out(browser: Browser, _: str) -> None:
        browser.post_json("/sign-out", {})

    def revoke(_: Browser, sid: str) -> None:
        session_care.revoke_session(sid)

    def disable(browser: Browser, _: str) -> None:
        accounts.set_active(browser.me().json()["email"], active=False)

    def delete(browser: Browser, _: str) -> None:
        accounts.delete_user(browser.me().json()["email"])

    def expire(_: Browser, sid: str) -> None:
        Session.objects.filter(sid=sid).update(expires_at=timezone.now())

    with listening() as listener:
        grafana = program(backchannel_logout_uri=listener.uri)
        for end in (sign_out, revoke, disable, delete, expire):
            browser = signed_in()
            found = claims(grafana.tokens(browser)["id_token"])
            assert back_channel.tell(timezone.now()) == 0, "not before"
            end(browser, found["sid"])
            assert back_channel.tell(timezone.now()) == 1, end
            assert back_channel.tell(timezone.now()) == 0, "once"
            token = listener.heard.pop()
            said = claims(token)
            assert (said["sub"], said["sid"], said["aud"]) == (found["sub"], found["sid"], grafana.client_id)
            assert said["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
            assert "nonce" not in said
            assert header(token)["typ"] == "logout+jwt"
            with pytest.raises(tokens.InvalidTokenError):
                tokens.verify(token, keys.public_keys(), issue.realm(), now=said["iat"])
            assert leave(Browser(), id_token_hint=token).status == 400


@pytest.mark.parametrize("status", [400, 500, 302])
def test_a_client_that_does_not_take_it_is_told_again_and_then_given_up(status: int) -> None:
    with listening() as listener:
        listener.status = status
        browser, grafana = signed_in(), program(backchannel_logout_uri=listener.uri)
        grafana.tokens(browser)
        browser.post_json("/sign-out", {})
        now = timezone.now()
        for _ in range(9):
            assert back_channel.tell(now) == 0
            now += timedelta(hours=1)
        assert len(listener.heard) == 5
        assert len({claims(token)["jti"] for token in listener.heard}) == 5


def _headers_without_end() -> Iterator[bytes]:
    while True:
        yield b"x-one: more\r\n"
        Event().wait(0.01)


@pytest.mark.parametrize(
    ("goes_on", "told"), [(_headers_without_end(), 0), (chain([b"\r\n"], repeat(b"x" * 65536)), 1)]
)
def test_a_client_whose_answer_does_not_end_keeps_nobody_waiting(
    goes_on: Iterable[bytes], told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status is all that counts, and for that there is a limit however busy it keeps us."""
    monkeypatch.setattr(back_channel, "_WHOLE_SECONDS", 1.0)
    with listening() as listener:
        listener.goes_on = goes_on
        browser = signed_in()
        program(backchannel_logout_uri=listener.uri).tokens(browser)
        browser.post_json("/sign-out", {})
        assert back_channel.tell(timezone.now()) == told


def test_a_client_that_is_away_keeps_nobody_else_from_being_told() -> None:
    with listening() as listener:
        browser = signed_in()
        for uri in ("http://127.0.0.1:9/logout", listener.uri):
            program(backchannel_logout_uri=uri).tokens(browser)
        browser.post_json("/sign-out", {})
        assert back_channel.tell(timezone.now()) == 1
        assert len(listener.heard) == 1


def test_discovery_says_what_there_is() -> None:
    """Each endpoint that it names answers, and everything it says is in the standards' vocabulary."""
    for path in ("openid-configuration", "oauth-authorization-server"):
        answer = Browser().ask("GET", f"/.well-known/{path}")
        assert answer["access-control-allow-origin"] == "*"
        document = json.loads(answer.body)
        endpoints = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))]
        assert len(endpoints) == 8
        for endpoint in endpoints:
            there = endpoint.removeprefix("http://localhost:8080")
            assert Browser().ask("GET", there).status not in {404, 500}, there
        assert set(document["grant_types_supported"]) >= {"authorization_code", "client_credentials"}


def test_user_info_is_for_a_token_of_the_mesh_with_openid() -> None:
    browser, grafana = signed_in("manager"), program(scopes=("openid", "email", "roles"))
    found = grafana.tokens(browser, scope="openid email roles")
    sent = f"Bearer {found['access_token']}"
    for method in ("GET", "POST"):
        answer = browser.ask(method, "/oauth2/userinfo", authorization=sent)
        me = browser.me().json()
        told = {"sub": me["sub"], "email": me["email"], "email_verified": True, "roles": ["manager"]}
        assert answer.json() == told
        assert answer["access-control-allow-origin"] == "*"
    plain = grafana.tokens(browser, scope="email")["access_token"]
    assert browser.ask("GET", "/oauth2/userinfo", authorization=f"Bearer {plain}").status == 403
    assert browser.ask("GET", "/oauth2/userinfo").status == 401
    browser.post_json("/sign-out", {})
    assert browser.ask("GET", "/oauth2/userinfo", authorization=sent).status == 401


def test_an_address_that_is_not_proven_is_told_to_nobody() -> None:
    browser, grafana = signed_in(), program()
    EmailAddress.objects.filter(email=browser.me().json()["email"]).update(verified=False)
    found = grafana.tokens(browser)
    told = browser.ask("GET", "/oauth2/userinfo", authorization=f"Bearer {found['access_token']}").json()
    assert set(told) == {"sub", "email_verified"}
    assert claims(found["id_token"])["email_verified"] is False
    assert "email" not in claims(found["id_token"])
    assert "email" not in claims(found["access_token"])
