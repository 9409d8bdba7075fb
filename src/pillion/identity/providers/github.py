"""Asks GitHub who somebody is: OAuth 2, and its REST API for the rest. It has no ID tokens."""

from typing import Any, Final

from pillion.identity.providers import asking, fetch
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.failures import ProviderError
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person, address

# docs.github.com: Authorizing OAuth apps; REST API endpoints for users, and for emails.
AUTHORIZE: Final = "https://github.com/login/oauth/authorize"
TOKEN: Final = "https://github.com/login/oauth/access_token"  # noqa: S105 - an address
API: Final = "https://api.github.com"
_ACCEPT: Final = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}


def where_to(provider: Provider, attempt: Attempt, *, again: bool) -> str:
    """Give the address to which the browser is sent."""
    return asking.address(AUTHORIZE, provider, attempt, {"prompt": "select_account"} if again else None)


def person(provider: Provider, attempt: Attempt, code: str) -> Person:
    """Exchange a code, and give who it is; raises ProviderError."""
    answer = asking.exchange(TOKEN, provider, attempt, code)
    headers = _ACCEPT | asking.bearer(answer)
    user = fetch.document("GET", f"{API}/user", headers=headers)
    number = user.get("id") if isinstance(user, dict) else None
    # The login can be changed, and then be another's; the number cannot.
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise ProviderError("it does not say who it is: 'id' is no number")
    email = _primary(fetch.document("GET", f"{API}/user/emails", headers=headers))
    return Person(provider.issuer, str(number), email, verified=email is not None)


def _primary(listed: Any) -> str | None:
    """Give the primary address if it is verified: the one in the profile may be anybody's."""
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("primary") is True and one.get("verified") is True:
            return address(one.get("email"))
    return None
