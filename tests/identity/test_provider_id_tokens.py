"""ID tokens: one that is not the provider's, not for us, not of now or not asked for here signs nobody in."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from pillion.identity.models import User
from pillion.identity.providers import openid_site
from tests.identity.browser import Browser
from tests.identity.provider_site import (
    CLIENT,
    KEY,
    SECRET,
    Site,
    asking,
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
