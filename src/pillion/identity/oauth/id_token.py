"""ID tokens (OpenID Connect Core, section 2): for the client alone, and of a type that no Envoy takes."""

import time
from typing import Any, Final

from authlib.oidc.core.util import create_half_hash
from django.conf import settings
from joserfc import jws, jwt
from joserfc.errors import JoseError

from pillion.identity import keys
from pillion.identity.models import OAuthGrant
from pillion.identity.oauth import claims_of_user
from pillion.identity.oauth.access_token import Known

TYPE: Final = "JWT"
# RFC 9470's word for a second factor, the one that a rule of the topology asks for by `mfa: true`.
MFA: Final = "mfa"


def sign(grant: OAuthGrant, scope: str, access_token: str, nonce: str, known: Known) -> str:
    """Sign the ID token that goes along with an access token of this grant; its session has a user."""
    session = grant.session
    if session.user is None or session.auth_time is None:
        raise ValueError("nobody has signed in to this session")
    signer = known.signer
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": settings.PILLION.origin,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + settings.PILLION.token_lifetime,
        "auth_time": int(session.auth_time.timestamp()),
        "amr": list(session.amr),
        "sid": str(session.sid),
        "at_hash": create_half_hash(access_token, signer.algorithm).decode(),
        **claims_of_user.of(session.user, scope, proven=known.proven),
    }
    if nonce:
        claims["nonce"] = nonce
    if MFA in session.amr:
        claims["acr"] = MFA
    header = {"alg": signer.algorithm, "typ": TYPE, "kid": signer.kid}
    return jwt.encode(header, claims, signer.key, algorithms=[signer.algorithm])


def read(token: str) -> dict[str, Any] | None:
    """Give the claims of an ID token that we signed, expired or not; None for anything else.

    A logout names who is to be signed out by it, long after (RP-Initiated Logout, section 2).
    """
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
        key = keys.public_keys().get(str(header.get("kid")))
        if key is None or header.get("alg") != key.algorithm or header.get("typ") != TYPE:
            return None
        claims: dict[str, Any] = jwt.decode(token, key.key, algorithms=[key.algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    texts = all(
        isinstance(claims.get(name), str) for name in ("sub", "sid", "aud")
    )  # all by us: `sid` is a UUID
    return claims if texts and claims.get("iss") == settings.PILLION.origin else None
