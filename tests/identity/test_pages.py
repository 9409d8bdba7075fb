"""The pages' headers and parts, the static files, and the documents below /.well-known/."""

import re

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.identity.browser import Browser, signed_in

PASSKEYS = '<script src="/pillion/static/passkeys.js" defer>'


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/account/", "/me", "/nothing"])
def test_every_answer_has_the_security_headers(path: str) -> None:
    """Refusals too."""
    answer = Browser().ask("GET", path, accept="text/html")
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    # The sign-in page alone, of these, can ask for a passkey.
    assert ("script-src" in policy) == (path == "/sign-in")
    assert policy.partition("script-src ")[2] in ("", "'self'; connect-src 'self'")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_a_page_needs_no_script_and_no_inline_style(path: str) -> None:
    """The policy would not let them be."""
    page = Browser().ask("GET", path, accept="text/html").body.decode()
    assert re.findall("<script[^<]*", page) == [PASSKEYS] * (path == "/sign-in")
    for part in ("style=", "<style", "onclick", "javascript:"):
        assert part not in page
    assert '<label for="email">' in page
    assert 'autocomplete="username"' in page
    assert f'autocomplete="{"current" if path == "/sign-in" else "new"}-password"' in page


def test_static_files_are_served_and_nothing_else() -> None:
    """By WhiteNoise, which knows only the files that are there."""
    answer = Browser().ask("GET", "/pillion/static/pillion.css")
    assert answer.status == 200
    assert answer["Content-Type"].startswith("text/css")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert Browser().ask("GET", "/pillion/static/none.css").status == 404
    assert Browser().ask("GET", "/pillion/static/../settings.py").status == 404


def test_the_published_keys_verify_a_token() -> None:
    """And hold nothing private (RFC 7518, section 6.3.2)."""
    answer = Browser().ask("GET", "/.well-known/jwks.json")
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
    token = signed_in().cookies["pillion-token"]
    assert jwt.decode(token, KeySet.import_key_set(answer.json())).claims["aud"] == "shop"


def test_the_published_keys_can_be_cached() -> None:
    """RFC 9110, section 13: by their tag."""
    answer = Browser().ask("GET", "/.well-known/jwks.json")
    assert answer["Cache-Control"] == "public, max-age=60"
    again = Browser().ask("GET", "/.well-known/jwks.json", if_none_match=answer["ETag"])
    assert (again.status, again.body) == (304, b"")


def test_discovery_says_only_what_is_true() -> None:
    """tests/identity/test_oauth_logout.py asks each endpoint that it names."""
    document = Browser().ask("GET", "/.well-known/openid-configuration").json()
    assert document["issuer"] == "http://localhost:8080"
    assert document["jwks_uri"] == "http://localhost:8080/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert document["response_types_supported"] == ["code"]
