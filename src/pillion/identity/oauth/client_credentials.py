"""The client credentials grant (RFC 6749, section 4.4): a program that acts for itself."""

from datetime import datetime, timedelta
from typing import Any, Final, cast

from authlib.oauth2.rfc6749 import ClientCredentialsGrant, InvalidScopeError
from django.db import transaction
from django.utils import timezone

from pillion.identity import issue, locks
from pillion.identity.models import OAuthClient, OAuthGrant, Session
from pillion.identity.oauth import access_token, audiences, grant_sessions, scopes
from pillion.identity.oauth.client_authentication import METHODS
from pillion.identity.oauth.request import text
from pillion.identity.sql import Joined, stored, table

# Another session is opened before the last one ends, so that its tokens never outlive it.
_AHEAD: Final = timedelta(hours=1)
# A client's own grant, by a session that is alive: of a program, so that it does not matter when it was used.
_OWN: Final = Joined(
    f"FROM {table(OAuthGrant)} g JOIN {table(Session)} s ON s.sid = g.session_id "
    "WHERE g.client_id = %s AND g.sub = %s AND s.user_id IS NULL AND s.revoked_at IS NULL AND s.expires_at > %s "
    "ORDER BY s.created_at DESC LIMIT 1",
    g=(OAuthGrant, ("session", "sub", "scope")),
    s=(Session, ("sid", "client_id", "tokens_until", "expires_at")),
)


class ClientCredentials(ClientCredentialsGrant):  # type: ignore[misc]
    """Authlib's grant; all tokens of one client are of one session, which lasts for days.

    So a token costs one read of the database and a write a minute, and one revocation ends them all.
    """

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def generate_token(self, **_: Any) -> access_token.Answer:
        """Give a token that speaks of the client itself."""
        client: OAuthClient = self.request.client
        own = [scope for scope in client.scopes if scope not in scopes.OF_A_PERSON]
        wanted = text(self.request, "scope")
        scope = scopes.allowed(wanted, own)
        if scope is None:
            raise InvalidScopeError
        audience = audiences.of_token(self.request, client.audiences)
        now = timezone.now()
        known = access_token.Known(proven=False, signer=issue.current_signer())  # it has no address
        try:
            token = access_token.sign(_grant(client, now), audience, scope, now, known)
        except access_token.SessionEndedError:  # revoked in this moment: the next one is another session's
            token = access_token.sign(_grant(client, now), audience, scope, now, known)
        return access_token.answer(token, scope)

    def save_token(self, token: Any) -> None:
        """Do nothing: what there is to know stands in the grant."""


def _grant(client: OAuthClient, now: datetime) -> OAuthGrant:
    if (found := _own(client, now)) is not None:
        return found
    with transaction.atomic():
        # Of several first requests at once, one opens the session.
        locks.hold(f"own grant of {client.client_id}")
        if (found := _own(client, now)) is not None:
            return found
        return grant_sessions.open_session(grant_sessions.Granted(client, None, "", ()), now)


def _own(client: OAuthClient, now: datetime) -> OAuthGrant | None:
    ahead = stored(Session, "expires_at", now + _AHEAD)
    if (found := _OWN.first(client.client_id, client.client_id, ahead)) is not None:
        grant, session = found
        session.user = None  # known, and not to be asked for
        grant.session, grant.client = session, client
        return cast("OAuthGrant", grant)
    return None
