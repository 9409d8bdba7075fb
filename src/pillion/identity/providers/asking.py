"""The two ends of an authorization code: where the browser is sent, and what the code is exchanged for."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pillion.identity.providers import fetch
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.failures import ProviderError, code_of
from pillion.identity.providers.known import Provider

_LONGEST_TOKEN: Final = 16 * 1024


def address(
    endpoint: str, provider: Provider, attempt: Attempt, more: Mapping[str, str] | None = None
) -> str:
    """Write where the browser is sent: with `state` (RFC 6749, section 10.12) and PKCE (RFC 7636, section 4.3)."""
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": provider.callback,
        "scope": " ".join(provider.scopes),
        "state": attempt.state,
        "code_challenge": challenge(attempt.verifier),
        "code_challenge_method": "S256",
        **(more or {}),
    }
    parts = urlsplit(endpoint)
    query = urlencode(asked, quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{query}" if parts.query else query))


def challenge(verifier: str) -> str:
    """Give a verifier's challenge, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def exchange(
    endpoint: str, provider: Provider, attempt: Attempt, code: str, *, basic: bool = False
) -> dict[str, Any]:
    """Exchange a code (RFC 6749, section 4.1.3) for an answer that has an access token; raises ProviderError.

    `basic` sends id and secret by HTTP Basic, else they stand in the form.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": provider.callback,
        "code_verifier": attempt.verifier,
    }
    user = None
    if basic:  # section 2.3.1: each encoded first, so that a colon is none
        user = (quote(provider.client_id, safe=""), quote(provider.client_secret, safe=""))
    else:
        form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    answer = fetch.document("POST", endpoint, form=form, user=user, also=frozenset({400, 401}))
    if not isinstance(answer, dict) or "access_token" not in answer:
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict):  # Facebook's form
            error = error.get("type")
        raise ProviderError(f"it does not take the code: {code_of(error)}")
    token, kind = answer["access_token"], answer.get("token_type")
    if (
        not isinstance(token, str)
        or not token.isascii()
        or not token.isprintable()
        or len(token) > _LONGEST_TOKEN
    ):
        raise ProviderError("its access token is none")
    if not isinstance(kind, str) or kind.lower() != "bearer":  # RFC 6749, section 7.1
        raise ProviderError("its access token is of a kind that is not known here")
    return answer


def bearer(answer: Mapping[str, Any]) -> dict[str, str]:
    """Give the header that shows the access token."""
    return {"authorization": f"Bearer {answer['access_token']}"}
