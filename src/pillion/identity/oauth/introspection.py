"""Introspection (RFC 7662): a client asks what a token says, and whether it is still good."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from django.utils import timezone

from pillion.identity.models import OAuthClient
from pillion.identity.oauth import grant_sessions, hashes, live_token, narrowed
from pillion.identity.oauth.client_authentication import METHODS
from pillion.identity.oauth.request import text

Found = dict[str, Any]


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """Authlib's endpoint. Of tokens that are not for the client it is told nothing (section 4)."""

    CLIENT_AUTH_METHODS = METHODS

    def authenticate_token(self, request: Any, client: OAuthClient) -> Found | None:
        """Give what a token says, if it is alive and the client may know."""
        token = text(request, "token")
        if not token:
            raise InvalidRequestError("Send the token that is to be looked at.")
        return _access_token(token, client) or _refresh_token(token, client)

    def create_introspection_payload(self, token: Found | None) -> Found:
        """Give the answer (section 2.2)."""
        return {"active": True, **token} if token else {"active": False}


def _access_token(token: str, client: OAuthClient) -> Found | None:
    claims = live_token.read(token)
    if claims is None or not (claims["client_id"] == client.client_id or claims["aud"] in client.audiences):
        return None
    return {**claims, "token_type": "Bearer"} if live_token.live_session(claims) else None


def _refresh_token(token: str, client: OAuthClient) -> Found | None:
    """Look, and touch nothing: to ask about an old one is not to use it."""
    parts = grant_sessions.split(token)
    if parts is None:
        return None
    alive = grant_sessions.live_grants(timezone.now()).select_related("session", "client")
    grant = alive.filter(
        selector_hash=hashes.of(parts[0]), secret_hash=hashes.of(parts[1]), client=client
    ).first()
    if grant is None:
        return None
    try:
        scope = narrowed.of_grant(grant).scope
    except InvalidGrantError:
        return None
    return {
        "client_id": grant.client_id,
        "sub": grant.sub,
        "scope": scope,
        "sid": str(grant.session_id),
        "exp": int(grant.session.expires_at.timestamp()),
    }
