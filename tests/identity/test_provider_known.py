"""Google, Microsoft, GitHub and Facebook: what each is asked, and how far each is believed."""

import hashlib
import hmac
import logging
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount

from pillion.identity.config import Provider as Written
from pillion.identity.providers import facebook, fetch, github, known, openid, openid_site
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.failures import ProviderError
from tests.identity.browser import Answer, Browser, new_email, new_user
from tests.identity.provider_site import (
    CLIENT,
    SECRET,
    Site,
    asking,
    at_facebook,
    at_github,
    begin,
    come_back,
    new_person,
    nothing_secret,
    serving,
    sign_in,
)
from tests.identity.provider_site import known as written

TENANT = "5c7d2a9e-0d3b-4a53-9b1c-1f1f6b1f2c3d"
OTHER = "0e7c8a56-2f4d-4c11-8a34-6f2b6b6d9a10"
AT_HOME = "9188040d-6c67-4c5b-b112-36a304b66dad"


def the(*providers: Written) -> list[known.Provider]:
    """Give providers as identity knows them."""
    with asking(*providers):
        return known.all_of_them()


def test_where_the_configurations_of_google_and_microsoft_are() -> None:
    google, one = the(written("google"), written("microsoft", tenant=TENANT))
    assert google.configuration == "https://accounts.google.com/.well-known/openid-configuration"
    base = "https://login.microsoftonline.com"
    assert one.configuration == f"{base}/{TENANT}/v2.0/.well-known/openid-configuration"
    assert one.issuer == f"{base}/{TENANT}/v2.0"
    for tenant in (None, "common", "organizations"):
        (several,) = the(written("microsoft", tenant=tenant))
        assert several.configuration == f"{base}/{tenant or 'common'}/v2.0/.well-known/openid-configuration"
        assert several.issuer == f"{base}/{{tenantid}}/v2.0"
    (home,) = the(written("microsoft", tenant="consumers"))
    assert home.issuer == f"{base}/{AT_HOME}/v2.0"


def test_what_google_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its addresses are as it publishes them."""
    (google,) = the(written("google"))
    published = {
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
        "token_endpoint": "https://oauth2.googleapis.com/token",
        "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
        "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }
    monkeypatch.setattr(fetch, "document", lambda *_: published)
    openid_site.forget()
    attempt = Attempt("google", "sign-in")
    where = urlsplit(openid.where_to(google, attempt, again=False))
    assert (where.netloc, where.path) == ("accounts.google.com", "/o/oauth2/v2/auth")
    asked = dict(parse_qsl(where.query))
    assert asked["redirect_uri"] == "http://localhost:8080/sign-in/with/google/callback"
    assert (asked["scope"], asked["nonce"], asked["state"]) == ("openid email", attempt.nonce, attempt.state)
    openid_site.forget()


def test_whose_people_are_microsofts() -> None:
    (several, one) = the(written("microsoft"), written("microsoft", tenant=TENANT))
    base = "https://login.microsoftonline.com"
    assert known.is_of(several, f"{base}/{OTHER}/v2.0")
    assert known.is_of(one, f"{base}/{TENANT}/v2.0")
    assert not known.is_of(one, f"{base}/{OTHER}/v2.0")
    for wrong in (
        f"{base}/common/v2.0",
        f"{base}/{{tenantid}}/v2.0",
        f"{base}/{OTHER}/v2.0/",
        f"{base}/{OTHER}/x/v2.0",
        f"{base}/{OTHER.upper()}/v2.0",
        f"https://evil.example/{OTHER}/v2.0",
        f"{base}//v2.0",
        f"{base}/v2.0",
    ):
        assert not known.is_of(several, wrong), wrong


@pytest.mark.parametrize(
    ("tenant", "claims", "believed"),
    [
        (None, {"email_verified": True}, False),  # "nOAuth": any tenant's administrator writes any address
        ("common", {}, False),
        ("organizations", {"xms_edov": False}, False),
        ("consumers", {"email_verified": True}, False),
        (AT_HOME, {"email_verified": True}, False),
        (None, {"xms_edov": True}, True),
        (None, {"xms_edov": 1}, True),
        (None, {"xms_edov": "0"}, False),
        (TENANT, {}, True),
    ],
)
def test_microsofts_word_for_an_address_is_taken_where_it_is_proof(
    tenant: str | None, claims: dict[str, Any], *, believed: bool
) -> None:
    (microsoft,) = the(written("microsoft", tenant=tenant))
    assert openid._verified(microsoft, claims) is believed  # noqa: SLF001


def test_the_people_of_any_tenant_are_told_apart_by_their_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way, at a site in Microsoft's place; and an address of another tenant takes nothing over."""
    with serving(Site(name="microsoft")) as site:
        monkeypatch.setattr(known, "_MICROSOFT", site.url)
        site.documents["/common/v2.0/.well-known/openid-configuration"] = (
            200,
            {
                "issuer": f"{site.url}/{{tenantid}}/v2.0",
                "authorization_endpoint": f"{site.url}/common/oauth2/v2.0/authorize",
                "token_endpoint": f"{site.url}/token",
                "jwks_uri": f"{site.url}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            },
        )
        victim = new_user("manager")
        with asking(written("microsoft")):
            browser = Browser()
            evil = new_person(email=victim, iss=f"{site.url}/{OTHER}/v2.0", tid=OTHER)
            assert sign_in(browser, site, evil).status == 409
            assert "pillion-token" not in browser.cookies
            person = new_person(iss=f"{site.url}/{TENANT}/v2.0", tid=TENANT, xms_edov=True)
            assert sign_in(browser, site, person).status == 303
            assert SocialAccount.objects.get(uid=person["sub"]).provider == f"{site.url}/{TENANT}/v2.0"
            assert sign_in(Browser(), site, person | {"iss": f"{site.url}/common/v2.0"}).status == 502


USER = {"id": 4711, "login": "ada", "email": "public@example.org"}


def _github(site: Site, number: int, emails: Any) -> None:
    site.documents |= {"/user": (200, {**USER, "id": number}), "/user/emails": (200, emails)}


def _emails(email: str, *, primary: bool = True, verified: bool = True) -> list[dict[str, Any]]:
    other = {"email": "other@example.org", "primary": not primary, "verified": True, "visibility": None}
    return [other, {"email": email, "primary": primary, "verified": verified, "visibility": "private"}]


def test_github_signs_in_by_its_number_and_the_primary_address(monkeypatch: pytest.MonkeyPatch) -> None:
    email, browser = new_email(), Browser()
    with at_github(monkeypatch, Site()) as site, asking(written("github")):
        _github(site, 4711, _emails(email))
        there = begin(browser, site, "/orders")
        assert there.startswith("https://github.com/login/oauth/authorize?")
        asked = dict(parse_qsl(urlsplit(there).query))
        assert asked["scope"] == "user:email"
        assert asked["code_challenge_method"] == "S256"
        assert come_back(browser, site, site.allow(there, {}))["Location"] == "/orders"
        assert browser.me().json()["email"] == email
        assert browser.me().json()["email_verified"]
        link = SocialAccount.objects.get(user__email=email)
        assert (link.provider, link.uid) == ("https://github.com", "4711")
        token, user, emails = site.asked
        assert (token.form["client_id"], token.form["client_secret"]) == (CLIENT, SECRET)
        assert token.headers["accept"] == "application/json"
        for one in (user, emails):
            assert one.headers["authorization"].startswith("Bearer token-")
            assert one.headers["x-github-api-version"] == "2022-11-28"


def test_githubs_unverified_or_other_addresses_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile's may be anybody's, and of those that are not primary its owner may have forgotten some."""
    victim = new_user("manager")
    with at_github(monkeypatch, Site()) as site, asking(written("github")):
        for number, emails in enumerate(
            (
                _emails(victim, verified=False),
                _emails(victim, primary=False)[1:],
                [],
                {},
                [7],
                [{"email": victim}],
            )
        ):
            _github(site, 5000 + number, emails)
            answer = sign_in(Browser(), site, {})
            assert answer.status == 403
            assert b"GitHub did not tell your email address" in answer.body


@pytest.mark.parametrize("number", [None, "4711", True, 0, -1, 1.5])
def test_github_without_a_number_is_nobody(monkeypatch: pytest.MonkeyPatch, number: Any) -> None:
    with at_github(monkeypatch, Site()) as site, asking(written("github")):
        _github(site, number, _emails(new_email()))
        assert sign_in(Browser(), site, {}).status == 502


def test_githubs_error_comes_with_200(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with at_github(monkeypatch, Site()) as site, asking(written("github")):
        site.documents["/token"] = 200, {"error": "bad_verification_code", "error_description": "The code…"}
        assert sign_in(Browser(), site, {}).status == 502
    assert "it does not take the code: bad_verification_code" in caplog.text


def _facebook(site: Site, number: str, email: str | None) -> None:
    site.documents["/me"] = 200, {"id": number} | ({"email": email} if email else {})


def _sign_in_at_facebook(site: Site, browser: Browser) -> Answer:
    site.documents["/oauth/access_token"] = (
        200,
        {"access_token": "token-abcdefghijklmnopqrst", "token_type": "bearer", "expires_in": 5183944},
    )
    there = begin(browser, site)
    assert there.startswith(f"{facebook.AUTHORIZE}?")
    return come_back(browser, site, site.allow(there, {}))


def test_facebook_signs_in_and_its_address_is_not_proof(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    email, browser = new_email(), Browser()
    with (
        at_facebook(monkeypatch, Site()) as site,
        asking(written("facebook")),
        caplog.at_level(logging.DEBUG),
    ):
        _facebook(site, "10158", email)
        assert _sign_in_at_facebook(site, browser).status == 303
        assert browser.me().json()["email_verified"] is False
        asked = next(one for one in site.asked if one.path.startswith("/me"))
        query = dict(parse_qsl(urlsplit(asked.path).query))
        right = hmac.new(SECRET.encode(), b"token-abcdefghijklmnopqrst", hashlib.sha256).hexdigest()
        assert query == {"fields": "id,email", "appsecret_proof": right}
        victim = new_user("manager")
        _facebook(site, "10159", victim)
        assert _sign_in_at_facebook(site, Browser()).status == 409
        _facebook(site, "10160", None)
        answer = _sign_in_at_facebook(site, Browser())
        assert answer.status == 403
        assert b"Facebook did not tell your email address" in answer.body
    assert nothing_secret(caplog.text, "code=", right)


def test_facebooks_error_is_a_document_of_its_own(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with at_facebook(monkeypatch, Site()) as site, asking(written("facebook")):
        site.documents["/oauth/access_token"] = (
            400,
            {"error": {"message": "secret", "type": "OAuthException"}},
        )
        browser = Browser()
        assert come_back(browser, site, site.allow(begin(browser, site), {})).status == 502
    assert "secret" not in caplog.text


def test_the_addresses_of_those_that_are_known_are_https() -> None:
    for address in (github.AUTHORIZE, github.TOKEN, github.API, facebook.AUTHORIZE, facebook.GRAPH):
        assert re.match(r"https://[a-z.]+\.(com)/|https://api\.github\.com$", address)
    for provider in the(*map(written, ("google", "microsoft", "github", "facebook"))):
        assert provider.issuer.startswith("https://")
        assert SECRET not in repr(provider)


def test_a_configuration_of_another_tenant_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Site(name="microsoft")) as site:
        monkeypatch.setattr(known, "_MICROSOFT", site.url)
        (microsoft,) = the(written("microsoft", tenant=TENANT))
        site.documents[f"/{TENANT}/v2.0/.well-known/openid-configuration"] = (
            200,
            {**site.answer(_configuration())[1], "issuer": f"{site.url}/{OTHER}/v2.0"},
        )
        with pytest.raises(ProviderError, match="another issuer"):
            openid_site.metadata(microsoft)


def _configuration() -> Any:
    from tests.identity.provider_site import Asked  # noqa: PLC0415

    return Asked("GET", "/.well-known/openid-configuration", {}, {})
