"""Checks an ID token: whose it is, for whom, of now, and asked for by this very browser.

OpenID Connect Core 1.0, section 3.1.3.7, and RFC 8725. The signature is checked though the token comes straight
from the provider: then a token that got there in another way is none, either.
"""

import hmac
import json
import time
from binascii import Error as BinasciiError
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode

from pillion.identity.providers import openid_site
from pillion.identity.providers.failures import ProviderError
from pillion.identity.providers.known import Provider, is_of
from pillion.identity.providers.person import subject

# Asymmetric ones alone (RFC 8725, section 3.2): a client secret is no key, and `none` no signature.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# How far the provider's clock may differ from ours, in seconds.
LEEWAY: Final = 60
_LONGEST: Final = 64 * 1024


def check(token: object, provider: Provider, nonce: str) -> dict[str, Any]:
    """Give the claims of an ID token; raises ProviderError."""
    if not isinstance(token, str) or len(token) > _LONGEST or not token.isascii():
        raise ProviderError("there is no ID token")
    claims = _signed(token, provider)
    _check_whose(claims, provider)
    _check_times(claims)
    given = claims.get("nonce")
    if not isinstance(given, str) or not given.isascii() or not hmac.compare_digest(given, nonce):
        raise ProviderError("the ID token was not asked for by this browser: another 'nonce'")
    return claims


def _signed(token: str, provider: Provider) -> dict[str, Any]:
    kid, algorithm = _header(token)
    for key in openid_site.keys(provider, kid):
        try:
            checked = jws.deserialize_compact(token, key, algorithms=[algorithm])
            claims = json.loads(checked.payload)
        except (JoseError, ValueError, TypeError, RecursionError):
            continue
        if isinstance(claims, dict):
            return claims
    raise ProviderError("the ID token is not signed by a key of the provider's")


def _header(token: str) -> tuple[str | None, str]:
    """Read which key and algorithm; nothing else that a header holds is listened to (RFC 8725, section 3.10)."""
    try:
        header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    except (ValueError, RecursionError, BinasciiError):
        header = None
    if not isinstance(header, dict) or "crit" in header:
        raise ProviderError("the ID token cannot be read")
    if header.get("alg") not in ALGORITHMS:
        raise ProviderError("the ID token's algorithm is not one that is believed")
    kid = header.get("kid")
    return (kid if isinstance(kid, str) else None), header["alg"]


def _check_whose(claims: dict[str, Any], provider: Provider) -> None:
    issuer, audience, party = claims.get("iss"), claims.get("aud"), claims.get("azp")
    if not isinstance(issuer, str) or not is_of(provider, issuer):
        raise ProviderError("the ID token is another issuer's")
    audiences = audience if isinstance(audience, list) else [audience]
    if provider.client_id not in audiences:
        raise ProviderError("the ID token is for another client")
    if (party is not None or len(audiences) > 1) and party != provider.client_id:
        raise ProviderError("the ID token was issued to another client")
    subject(claims.get("sub"))


def _check_times(claims: dict[str, Any]) -> None:
    now = time.time()
    expires, issued, before = _seconds(claims, "exp"), _seconds(claims, "iat"), _seconds(claims, "nbf")
    if expires is None or issued is None:
        raise ProviderError("the ID token does not say until when it is good, or since when")
    if expires <= now - LEEWAY:
        raise ProviderError("the ID token has expired")
    if max(issued, before or 0) > now + LEEWAY:
        raise ProviderError("the ID token is of the future: does this machine's clock go right?")
    proven = _seconds(claims, "auth_time")
    if proven is not None and not 0 <= proven <= now + LEEWAY:
        raise ProviderError("the ID token's 'auth_time' cannot be")


def _seconds(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise ProviderError(f"the ID token's '{name}' is no time")
    return float(value) if abs(value) < 2**53 else None  # what a float can count
