"""Asks a provider of OpenID Connect who somebody is."""

import hmac
from collections.abc import Mapping
from typing import Any

from pillion.identity.providers import asking, fetch, id_token, openid_site
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.failures import ProviderError
from pillion.identity.providers.known import ANY_TENANT, Provider, is_of
from pillion.identity.providers.openid_site import Metadata
from pillion.identity.providers.person import Person, address, subject

_BASIC = "client_secret_basic"
_POST = "client_secret_post"


def where_to(provider: Provider, attempt: Attempt, *, again: bool) -> str:
    """Give the address to which the browser is sent; `again` has the person proven anew. Raises ProviderError."""
    endpoint = openid_site.metadata(provider).authorization_endpoint
    more = {"nonce": attempt.nonce}
    if again:  # OpenID Connect Core 1.0, section 3.1.2.1: the second of them has the answer say when it was
        more |= {"prompt": "login", "max_age": "0"} if provider.proves_again else {"prompt": "select_account"}
    return asking.address(endpoint, provider, attempt, more)


def check_issuer(provider: Provider, issuer: str | None) -> None:
    """Raise ProviderError if the answer is not this provider's (RFC 9207, section 2.4): a mix-up."""
    if issuer is None:
        if openid_site.metadata(provider).authorization_response_iss_parameter_supported:
            raise ProviderError("its answer does not say by 'iss' that it is its own")
    elif issuer != provider.issuer and not is_of(provider, issuer):
        raise ProviderError("the answer is another issuer's: 'iss'")


def person(provider: Provider, attempt: Attempt, code: str) -> Person:
    """Exchange a code, and give who it is; raises ProviderError."""
    site = openid_site.metadata(provider)
    methods = site.token_endpoint_auth_methods_supported
    basic = _BASIC in methods or _POST not in methods
    answer = asking.exchange(site.token_endpoint, provider, attempt, code, basic=basic)
    claims = id_token.check(answer.get("id_token"), provider, attempt.nonce)
    claims = _complete(provider, site, claims, answer)
    proven_at = claims.get("auth_time")
    return Person(
        issuer=claims["iss"],
        sub=subject(claims["sub"]),
        email=address(claims.get("email")),
        verified=_verified(provider, claims),
        proven_at=int(proven_at) if proven_at is not None else None,
        claims=claims,
    )


def _complete(
    provider: Provider, site: Metadata, claims: dict[str, Any], answer: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask for what the ID token leaves out, which it may (sections 5.3 and 5.4); what it says itself stands."""
    wanted = {"email"} if provider.roles is None else {"email", provider.roles.claim[0]}
    if wanted <= claims.keys() or site.userinfo_endpoint is None:
        return claims
    # Microsoft writes its endpoints out; should they ever name the tenant, it is the token's.
    endpoint = site.userinfo_endpoint.replace(ANY_TENANT, str(claims.get("tid", "")))
    more = fetch.document("GET", endpoint, headers=asking.bearer(answer))
    if not isinstance(more, dict):
        raise ProviderError("what it tells of the person is no JSON object")
    # Section 5.3.2: or else they may be somebody else's.
    if not hmac.compare_digest(subject(more.get("sub")).encode(), claims["sub"].encode()):
        raise ProviderError("what it tells is of another person than the ID token")
    if "email" in claims:  # a verification is of the address beside it
        more = {name: value for name, value in more.items() if name not in {"email_verified", "xms_edov"}}
    elif "email_verified" in claims:
        claims = {name: value for name, value in claims.items() if name != "email_verified"}
    return {**more, **claims}


def _verified(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """Tell whether the address is known to be the person's.

    Microsoft says nothing of that but by `xms_edov`, that the address is of a domain which the tenant has
    proven to own; the people of one's own tenant have the addresses that its administrator gave them.
    """
    if provider.name == "microsoft":
        return provider.believes_email or claims.get("xms_edov") in (True, 1, "1", "true")
    # Some write it as a text, against section 5.1.
    said = claims.get("email_verified")
    return provider.believes_email and (said is True or said == "true")
