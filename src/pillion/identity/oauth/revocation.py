"""Revocation (RFC 7009): a client gives back a token of its own, and all that hangs on it ends everywhere."""

from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint

from pillion.identity.models import OAuthClient
from pillion.identity.oauth import grant_sessions, live_token, refresh_grant
from pillion.identity.oauth.client_authentication import ALL_METHODS
from pillion.identity.oauth.request import text


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Authlib's endpoint; the session behind a token is what is revoked."""

    CLIENT_AUTH_METHODS = ALL_METHODS

    def authenticate_token(self, request: Any, client: OAuthClient) -> str | None:
        """Give the id of the session of a token of this client; what is not one is no error (section 2.2)."""
        token = text(request, "token")
        if not token:
            raise InvalidRequestError("Send the token that is to be revoked.")
        claims = live_token.read(token)
        if claims is not None:
            return str(claims["sid"]) if claims["client_id"] == client.client_id else None
        grant = refresh_grant.find(token, client)
        return None if grant is None else str(grant.session_id)

    def revoke_token(self, token: str, _: Any) -> None:
        """End the session."""
        grant_sessions.end([token])
