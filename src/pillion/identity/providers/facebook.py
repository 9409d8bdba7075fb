"""Asks Facebook who somebody is: OAuth 2, and its Graph API for the rest."""

import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode

from pillion.identity.providers import asking, fetch
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.failures import ProviderError
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person, address, subject

# developers.facebook.com: Manually Build a Login Flow; Securing Graph API Requests.
AUTHORIZE: Final = "https://www.facebook.com/v23.0/dialog/oauth"
GRAPH: Final = "https://graph.facebook.com/v23.0"


def where_to(provider: Provider, attempt: Attempt, *, again: bool) -> str:
    """Give the address to which the browser is sent."""
    return asking.address(AUTHORIZE, provider, attempt, {"auth_type": "reauthenticate"} if again else None)


def person(provider: Provider, attempt: Attempt, code: str) -> Person:
    """Exchange a code, and give who it is; raises ProviderError."""
    answer = asking.exchange(f"{GRAPH}/oauth/access_token", provider, attempt, code)
    # So that a token which another app has got is none for us.
    proof = hmac.new(
        provider.client_secret.encode(), answer["access_token"].encode(), hashlib.sha256
    ).hexdigest()
    asked = urlencode({"fields": "id,email", "appsecret_proof": proof})
    user = fetch.document("GET", f"{GRAPH}/me?{asked}", headers=asking.bearer(answer))
    if not isinstance(user, dict):
        raise ProviderError("what it tells of the person is no JSON object")
    # Of an address it says nowhere whether it was verified.
    return Person(provider.issuer, subject(user.get("id")), address(user.get("email")))
