"""What a provider, or somebody in its name, may answer: what is not right is refused, and nothing comes of it."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from pillion.identity.flows import provider_visit
from pillion.identity.models import Session, User
from pillion.identity.providers import fetch, openid_site
from pillion.identity.providers.failures import ProviderError
from tests.identity.browser import Answer, Browser, new_user
from tests.identity.provider_site import (
    CLIENT,
    KEY,
    SECRET,
    Site,
    asking,
    begin,
    come_back,
    new_person,
    nothing_secret,
    provider,
    serving,
    sign_in,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as site, asking(provider(site)):
        yield site


def refused(answer: Answer, status: int, words: str, browser: Browser) -> None:
    """Assert that an answer is a page that says so, and that nobody was signed in."""
    assert answer.status == status, answer.body
    assert words in answer.body.decode()
    assert "Traceback" not in answer.body.decode()
    assert "pillion-token" not in browser.cookies
    assert not browser.renew()["Authorization"]


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


CHANGES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "a nonce of other letters": {"nonce": "é"},
    "half a character": {"nonce": "\ud800"},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another"},
    "no audience": {"aud": None},
    "two audiences, and nobody it was issued to": {"aud": [CLIENT, "another"]},
    "issued to another": {"azp": "another"},
    "two audiences, and issued to the other": {"aud": [CLIENT, "another"], "azp": "another"},
    "expired": {"exp": int(time.time()) - 61},
    "no end": {"exp": None},
    "an end in words": {"exp": "tomorrow"},
    "an end that is true": {"exp": True},
    "of the future": {"iat": int(time.time()) + 3600},
    "not before tomorrow": {"nbf": int(time.time()) + 86400},
    "no time of issue": {"iat": None},
    "nobody": {"sub": None},
    "nobody in particular": {"sub": ""},
    "a number": {"sub": 7},
    "a long name": {"sub": "x" * 256},
    "a NUL in the name": {"sub": "a\0b"},
    "proven in the future": {"auth_time": int(time.time()) + 3600},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_id_token_that_says_something_else_is_refused(
    site: Site, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    browser, person = Browser(), new_person()
    answer = sign_in(browser, site, person | change)
    refused(answer, 502, "gave an answer that cannot be used", browser)
    assert not User.objects.filter(email=person["email"]).exists()
    assert "provider okta: " in caplog.text
    assert nothing_secret(caplog.text, person["email"], person["sub"])


def _segment(document: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def _hmac(key: bytes) -> Callable[[dict[str, Any]], str]:
    def sign(claims: dict[str, Any]) -> str:
        signed = f"{_segment({'alg': 'HS256', 'kid': 'first'})}.{_segment(claims)}"
        mac = (
            base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
        )
        return f"{signed}.{mac}"

    return sign


def _by(key: Any, **header: Any) -> Callable[[dict[str, Any]], str]:
    """Sign by hand: a library would not write such headers."""

    def sign(claims: dict[str, Any]) -> str:
        signed = f"{_segment(header)}.{_segment(claims)}"
        if header["alg"] == "ES256":
            signature = jws.serialize_compact({"alg": "ES256"}, json.dumps(claims).encode(), key).rpartition(
                "."
            )[2]
        else:
            made = key.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
            signature = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
        return f"{signed}.{signature}"

    return sign


OTHER = RSAKey.generate_key(2048, auto_kid=False)
CURVE = ECKey.generate_key("P-256", auto_kid=False)
PUBLIC = KEY.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "unsigned": lambda claims: f"{_segment({'alg': 'none'})}.{_segment(claims)}.",
    "unsigned, in other letters": lambda claims: f"{_segment({'alg': 'None'})}.{_segment(claims)}.",
    "by the client's secret": _hmac(SECRET.encode()),
    "by the public key as a secret": _hmac(PUBLIC),
    "by another key of the same name": _by(OTHER, alg="RS256", kid="first"),
    "by another key without a name": _by(OTHER, alg="RS256"),
    "by an unknown key": _by(OTHER, alg="RS256", kid="second"),
    "by a key that it brings along": _by(OTHER, alg="RS256", kid="first", jwk=OTHER.as_dict(private=False)),
    "by a key of another kind": _by(CURVE, alg="ES256", kid="first"),
    "with what must be understood": _by(KEY, alg="RS256", kid="first", crit=["exp"], exp=1),
    "with what a library may understand": _by(KEY, alg="RS256", kid="first", crit=["b64"], b64=True),
    "by nobody": lambda claims: f"{_segment({'alg': 'RS256', 'kid': 'first'})}.{_segment(claims)}.",
    "of other kind": lambda _: "not a token",
    "of five parts": lambda claims: (
        f"{_segment({'alg': 'RSA-OAEP', 'enc': 'A128GCM'})}.{_segment(claims)}.a.b.c"
    ),
    "with a list for a header": lambda claims: f"{_segment([])}.{_segment(claims)}.a",  # type: ignore[arg-type]
    "with a list for claims": lambda _: jws.serialize_compact({"alg": "RS256", "kid": "first"}, b"[]", KEY),
    "very deep": lambda _: jws.serialize_compact({"alg": "RS256", "kid": "first"}, b"[" * 20000, KEY),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_an_id_token_that_the_provider_has_not_signed_is_refused(
    site: Site, forge: Callable[[dict[str, Any]], str], caplog: pytest.LogCaptureFixture
) -> None:
    browser, person = Browser(), new_person()
    site.sign = forge
    refused(sign_in(browser, site, person), 502, "gave an answer that cannot be used", browser)
    assert "provider okta: the ID token" in caplog.text
    assert not SocialAccount.objects.filter(uid=person["sub"]).exists()


def test_a_token_that_is_made_by_hand_is_taken_where_it_is_right(site: Site) -> None:
    """So that the ones above are refused for what is wrong with them."""
    site.sign = _by(KEY, alg="RS256", kid="first")
    assert sign_in(Browser(), site, new_person()).status == 303
    site.sign = _by(KEY, alg="RS256")
    assert sign_in(Browser(), site, new_person()).status == 303


@pytest.mark.parametrize("token", [None, 7, ["a"], "é.é.é", "x" * 70000])
def test_what_is_no_id_token_is_refused(site: Site, token: object) -> None:
    browser = Browser()
    site.token_answer = {"id_token": token}
    refused(sign_in(browser, site, new_person()), 502, "gave an answer that cannot be used", browser)


@pytest.mark.parametrize(
    "change",
    [
        {"token_type": "mac"},
        {"token_type": None},
        {"access_token": ["x"]},
        {"access_token": "a\r\nb: c"},
        {"access_token": "é"},
        {"access_token": "x" * 20000},
    ],
)
def test_an_access_token_that_is_none_is_refused(site: Site, change: dict[str, object]) -> None:
    """Also where it would not be used: what comes with it is not believed, either."""
    site.token_answer = change
    browser = Browser()
    refused(sign_in(browser, site, new_person()), 502, "gave an answer that cannot be used", browser)


def test_a_symmetric_key_in_the_key_set_is_no_key(site: Site) -> None:
    secret = OctKey.import_key(b"x" * 32, {"kid": "first"})
    site.documents["/keys"] = 200, {"keys": [secret.as_dict(private=True)]}
    site.sign = _hmac(b"x" * 32)
    browser = Browser()
    refused(sign_in(browser, site, new_person()), 502, "gave an answer that cannot be used", browser)


def test_a_short_key_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid_site, "_SHORTEST_RSA", 4096)  # ours has 2048 bits
    browser = Browser()
    refused(sign_in(browser, site, new_person()), 502, "gave an answer that cannot be used", browser)


def test_a_new_key_of_the_provider_is_looked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sign_in(Browser(), site, new_person()).status == 303
    monkeypatch.setattr(openid_site, "_ASK_AGAIN", 0.0)
    site.key = RSAKey.generate_key(2048, {"kid": "second"}, auto_kid=False)
    assert sign_in(Browser(), site, new_person()).status == 303
    assert sum(asked.path == "/keys" for asked in site.asked) == 2


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
