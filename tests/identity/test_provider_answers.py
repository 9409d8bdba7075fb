"""What a provider, or somebody in its name, may answer: what is not right is refused, and nothing comes of it."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from pillion.identity.flows import provider_visit
from pillion.identity.models import Session
from pillion.identity.providers import fetch, openid_site
from pillion.identity.providers.failures import ProviderError
from tests.identity.browser import Browser, new_user
from tests.identity.provider_site import (
    Site,
    asking,
    begin,
    come_back,
    new_person,
    nothing_secret,
    provider,
    refused,
    serving,
    sign_in,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as site, asking(provider(site)):
        yield site


def test_an_answer_that_another_browser_waits_for_is_none(site: Site) -> None:
    """Login CSRF: the attacker's answer does not sign the victim in, whether that one has begun, too, or not."""
    attacker, victim = Browser(), Browser()
    answer = site.allow(begin(attacker, site), new_person())
    refused(come_back(victim, site, answer), 400, "does not wait for such an answer", victim)
    begin(victim, site)
    refused(come_back(victim, site, answer), 400, "does not wait for such an answer", victim)
    assert site.codes  # the code was not even sent


@pytest.mark.parametrize("state", ["", "x", "é", "\x00", "x" * 9000])
def test_an_answer_without_a_state_of_ours_is_none(site: Site, state: str) -> None:
    browser = Browser()
    answer = site.allow(begin(browser, site), new_person())
    assert come_back(browser, site, answer | {"state": state}).status == 400
    assert "pillion-token" not in browser.cookies


def test_an_answer_that_comes_twice_does_nothing_the_second_time(site: Site) -> None:
    browser, person = Browser(), new_person()
    there = begin(browser, site)
    waiting = dict(browser.cookies)
    answer = site.allow(there, person)
    assert come_back(browser, site, answer).status == 303
    signed_in, token_asked = dict(browser.cookies), len(site.asked)
    assert come_back(browser, site, answer).status == 400
    assert browser.renew()["Authorization"]
    assert browser.cookies["pillion-session"] == signed_in["pillion-session"]
    thief = Browser(cookies=waiting)
    refused(come_back(thief, site, answer), 400, "does not wait for such an answer", thief)
    assert len(site.asked) == token_asked


def test_an_answer_that_failed_is_not_waited_for_again(site: Site) -> None:
    browser = Browser()
    answer = site.allow(begin(browser, site), new_person())
    failed = come_back(browser, site, {"error": "access_denied", "state": answer["state"]})
    refused(failed, 403, "You did not allow it", browser)
    refused(come_back(browser, site, answer), 400, "does not wait for such an answer", browser)


def test_after_ten_minutes_an_answer_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    answer = site.allow(begin(browser, site), new_person())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + provider_visit.LIFETIME + 1)
    refused(come_back(browser, site, answer), 400, "within ten minutes", browser)


def test_several_tabs_may_wait_at_once(site: Site) -> None:
    browser = Browser()
    answers = [site.allow(begin(browser, site), new_person()) for _ in range(6)]
    assert come_back(browser, site, answers[0]).status == 400  # the oldest of six is forgotten
    assert come_back(browser, site, answers[1]).status == 303


@pytest.mark.parametrize("query", ["code=a&code=b", "state=a&state=b", "code=%ff", "a=1&" * 40, "code=%00"])
def test_a_query_that_cannot_be_read_is_400(site: Site, query: str) -> None:
    assert Browser().ask("GET", f"{site.callback}?{query}").status == 400


def test_an_answer_that_says_a_thing_twice_is_400(site: Site) -> None:
    """Or else one part of a system may read the first, and another the second."""
    browser = Browser()
    answer = urlencode(site.allow(begin(browser, site), new_person()))
    assert browser.ask("GET", f"{site.callback}?{answer}&scope=a&scope=b").status == 400
    assert browser.ask("GET", f"{site.callback}?{answer}&scope=a").status == 200


def test_the_answer_of_another_provider_is_refused_before_its_code_is_sent_anywhere(site: Site) -> None:
    """Mix-up (RFC 9207): the attacker's provider sends the browser back with the code that the honest one gave."""
    with serving(Site(name="evil")) as evil, asking(provider(site), provider(evil)):
        browser = Browser()
        there = begin(browser, evil)
        honest = site.allow(there.replace(evil.url, site.url), new_person())
        refused(come_back(browser, evil, honest | {"iss": site.url}), 502, "cannot be used", browser)
        again = begin(browser, evil)
        crossed = site.allow(again.replace(evil.url, site.url), new_person())
        refused(come_back(browser, site, crossed), 400, "does not wait for such an answer", browser)
        assert not [one for one in (*evil.asked, *site.asked) if one.path == "/token"]


def test_a_provider_that_names_itself_in_answers_has_to(site: Site) -> None:
    site.configuration = {"authorization_response_iss_parameter_supported": True}
    browser = Browser()
    answer = site.allow(begin(browser, site), new_person())
    refused(come_back(browser, site, answer), 502, "gave an answer that cannot be used", browser)
    answer = site.allow(begin(browser, site), new_person())
    assert come_back(browser, site, answer | {"iss": site.url}).status == 303


ERRORS = {
    "access_denied": 403,
    "server_error": 503,
    "temporarily_unavailable": 503,
    "invalid_scope": 502,
    "<script>alert(1)</script>": 502,
    "": 502,
}


@pytest.mark.parametrize(("error", "status"), ERRORS.items())
def test_an_error_is_said_in_our_words(
    site: Site, error: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser()
    there = site.allow(begin(browser, site), new_person())
    said = {"error": error, "error_description": "<script>evil</script>", "state": there["state"]}
    answer = come_back(browser, site, said)
    refused(answer, status, "/sign-in?next=", browser)
    assert b"evil" not in answer.body + caplog.text.encode()
    assert b"<script" not in answer.body + caplog.text.encode()


WRONG_DOCUMENTS: dict[str, tuple[str, int, Any, int]] = {
    "no configuration": ("/.well-known/openid-configuration", 404, {}, 502),
    "a configuration of another": ("/.well-known/openid-configuration", 200, {"issuer": "https://evil"}, 502),
    "a configuration in a list": ("/.well-known/openid-configuration", 200, [], 502),
    "a broken provider": ("/.well-known/openid-configuration", 500, {}, 503),
    "a long answer": ("/token", 200, b'{"access_token": "%s"}' % (b"x" * fetch.MOST_BYTES), 502),
    "a deep answer": ("/token", 200, b"[" * 100_000, 502),
    "no JSON": ("/token", 200, b"<html>", 502),
    "a list": ("/token", 200, ["access_token"], 502),
    "an error": ("/token", 400, {"error": "<b>", "error_description": "secret"}, 502),
    "too many requests": ("/token", 429, {}, 503),
    "no keys": ("/keys", 200, {}, 502),
    "keys that are none": ("/keys", 200, {"keys": [7, {}, {"kty": "RSA", "kid": "first"}, {"kty": []}]}, 502),
}


@pytest.mark.parametrize(
    ("path", "status", "said", "seen"), WRONG_DOCUMENTS.values(), ids=WRONG_DOCUMENTS.keys()
)
def test_a_document_that_is_not_as_it_should_be_is_a_clear_page(  # noqa: PLR0913, PLR0917
    site: Site, path: str, status: int, said: Any, seen: int, caplog: pytest.LogCaptureFixture
) -> None:
    site.documents[path] = status, said
    browser = Browser()
    answer = browser.post_form("/sign-in/with/okta", {})
    if path != "/.well-known/openid-configuration":
        answer = come_back(browser, site, site.allow(answer["Location"], new_person()))
    refused(answer, seen, "okta", browser)
    assert bool(answer["Retry-After"]) == (seen == 503)
    assert nothing_secret(caplog.text)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "http://elsewhere.example/auth"),
        ("token_endpoint", "http://elsewhere.example/token"),
        ("token_endpoint", "https://user:password@elsewhere.example/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("jwks_uri", "https://elsewhere.example/a b"),
        ("userinfo_endpoint", "ftp://elsewhere.example/"),
        ("token_endpoint", 7),
    ],
)
def test_an_address_that_is_not_https_is_not_asked(site: Site, name: str, address: object) -> None:
    site.configuration = {name: address}
    browser = Browser()
    refused(browser.post_form("/sign-in/with/okta", {}), 502, "cannot be used", browser)


def test_a_long_document_is_not_read(site: Site) -> None:
    site.configuration = {"service_documentation": "x" * fetch.MOST_BYTES}
    browser = Browser()
    refused(browser.post_form("/sign-in/with/okta", {}), 502, "cannot be used", browser)


def test_a_provider_elsewhere_leads_to_nothing_on_this_machine() -> None:
    with pytest.raises(ProviderError):
        fetch.usable("http://localhost:8500/", like="https://sso.example")
    assert fetch.usable("http://localhost:8500/", like="http://localhost:9000")
    assert fetch.usable("https://login.example/", like="https://sso.example")


def test_a_redirect_is_not_followed(site: Site) -> None:
    """Whoever it leads to would be told the code and the secret."""
    with serving(Site()) as elsewhere:
        browser = Browser()
        there = begin(browser, site)
        site.documents["/token"], site.location = (307, {}), f"{elsewhere.url}/token"
        refused(come_back(browser, site, site.allow(there, new_person())), 502, "cannot be used", browser)
        assert not elsewhere.asked


def test_what_the_userinfo_says_of_another_person_is_refused(site: Site) -> None:
    site.userinfo = {"sub": "another", "email": "victim@example.org", "email_verified": True}
    browser = Browser()
    refused(sign_in(browser, site, {"sub": "me"}), 502, "cannot be used", browser)


def test_a_verification_is_of_the_address_beside_it(site: Site) -> None:
    """Not of one that is told elsewhere."""
    person, browser = new_person(), Browser()
    site.userinfo = {"sub": person["sub"], "email": "other@example.org", "email_verified": True}
    # So that more is asked for than the address.
    roles = {"claim": ("groups",), "groups": {"a": "b"}}
    with asking(provider(site, roles=roles), sign_up="closed"):
        assert sign_in(browser, site, {"sub": person["sub"], "email": new_user()}).status == 403
    site.userinfo = {"sub": person["sub"], "email": person["email"]}
    assert sign_in(browser, site, {"sub": person["sub"], "email_verified": True}).status == 303
    assert not browser.me().json()["email_verified"]


def test_a_provider_that_is_down_is_503_and_sessions_go_on(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Site()) as site, asking(provider(site)):
        browser, other = Browser(), Browser()
        assert sign_in(browser, site, new_person()).status == 303
        answer = site.allow(begin(other, site), new_person())
    with asking(provider(site)):
        refused(come_back(other, site, answer), 503, "cannot be reached right now", other)
        openid_site.forget()
        refused(other.post_form("/sign-in/with/okta", {}), 503, "cannot be reached right now", other)
        assert browser.renew()["Authorization"]
    assert nothing_secret(caplog.text)


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "WHOLE_SECONDS", 1.0)
    browser = Browser()
    there = begin(browser, site)
    site.drip, began = True, time.monotonic()
    refused(come_back(browser, site, site.allow(there, new_person())), 503, "cannot be reached", browser)
    assert time.monotonic() - began < 3


def test_only_so_many_wait_for_providers(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Browser()
    there = begin(browser, site)
    for _ in range(fetch.MOST_AT_ONCE):
        assert fetch._room.acquire(blocking=False)  # noqa: SLF001
    try:
        refused(come_back(browser, site, site.allow(there, new_person())), 503, "cannot be reached", browser)
    finally:
        fetch._room.release(fetch.MOST_AT_ONCE)  # noqa: SLF001
    monkeypatch.undo()


def test_nothing_that_is_secret_stands_in_the_session_after_it(site: Site) -> None:
    browser = Browser()
    sign_in(browser, site, new_person())
    row = Session.objects.get(sid=browser.claims()["sid"])
    assert "verifier" not in json.dumps(row.data)
    assert "token-" not in json.dumps(row.data)
