"""Token exchange (RFC 8693): a token of somebody else for one that is good for less."""

import time
from datetime import UTC, datetime
from typing import Any, Final

from authlib.oauth2.rfc6749 import (
    BaseGrant,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    TokenEndpointMixin,
    UnauthorizedClientError,
)
from django.conf import settings

from pillion.identity import issue, keys, sessions, tokens
from pillion.identity.models import OAuthClient, Session
from pillion.identity.oauth import access_token, audiences, scopes
from pillion.identity.oauth.client_authentication import METHODS
from pillion.identity.oauth.live_token import live_session
from pillion.identity.oauth.request import text

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
_TYPES: Final = frozenset({_ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"})


class TokenExchange(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """A service hands in the token that it was called with, and gets one for whom it calls in turn.

    The new one speaks of the same user and the same session, so that one revocation ends both; it names who acts
    for the user (`act`), holds no scope that the other did not, and lives no longer. Only a token for the mesh can
    be exchanged: one for a partner's API alone must not become more.
    """

    GRANT_TYPE = GRANT_TYPE
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_token_request(self) -> None:
        """Look at the request (RFC 8693, section 2.1)."""
        client: OAuthClient = self.authenticate_token_endpoint_client()
        if not client.check_grant_type(GRANT_TYPE):
            raise UnauthorizedClientError("The client may not exchange tokens.")
        self.request.client = client
        if text(self.request, "subject_token_type") not in _TYPES:
            raise InvalidRequestError("The subject_token_type has to be an access token.")
        if text(self.request, "requested_token_type") not in {"", *_TYPES}:
            raise InvalidRequestError("Only an access token can be asked for.")
        if text(self.request, "actor_token") or text(self.request, "actor_token_type"):
            raise InvalidRequestError("The client acts for itself: no actor_token is taken.")

    def create_token_response(self) -> Any:
        """Give the narrower token (RFC 8693, section 2.2)."""
        client: OAuthClient = self.request.client
        claims, session = self._subject()
        scope = scopes.within(text(self.request, "scope"), claims["scope"])
        if scope is None:
            raise InvalidScopeError
        audience = audiences.of_token(self.request, client.audiences)
        left = min(access_token.lifetime(), int(claims["exp"] - time.time()))
        now = datetime.fromtimestamp(int(time.time()), UTC)
        if left < 1 or not sessions.may_have_token(session.sid, session.tokens_until, now, left):
            raise InvalidGrantError("The subject_token is not good any more.")
        grant = tokens.Grant(
            sub=claims["sub"],
            sid=claims["sid"],
            client_id=client.client_id,
            email=claims.get("email") if scopes.EMAIL in scope.split() else None,
            roles=tuple(claims.get("roles", ())),
            auth_time=claims.get("auth_time"),
            amr=tuple(claims["amr"]) if "amr" in claims else None,
            scope=scope,
            actor=client.client_id,
        )
        answer = access_token.answer(
            issue.granted_token(grant, audience, now, left, issue.current_signer()), scope
        )
        answer |= {"expires_in": left, "issued_token_type": _ACCESS_TOKEN}
        return 200, answer, self.TOKEN_RESPONSE_HEADER

    def _subject(self) -> tuple[dict[str, Any], Session]:
        realm = tokens.Realm(issuer=settings.PILLION.origin, audience=settings.PILLION.mesh)
        now = int(time.time())
        try:
            claims = tokens.verify(text(self.request, "subject_token"), keys.public_keys(), realm, now=now)
        except tokens.InvalidTokenError:
            # RFC 8693, section 2.2.2, wants invalid_request for a token that is not good.
            raise InvalidRequestError("The subject_token is not good here.") from None
        session = live_session(claims)
        if session is None:
            raise InvalidRequestError("The subject_token is not good any more.")
        return claims, session
