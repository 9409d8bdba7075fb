"""The client credentials grant (RFC 6749, section 4.4): a program that acts for itself."""

from datetime import datetime, timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import ClientCredentialsGrant, InvalidScopeError
from django.db import transaction
from django.utils import timezone

from pillion.identity import sessions
from pillion.identity.models import OAuthClient, OAuthGrant, Session
from pillion.identity.oauth import access_token, audiences, grant_sessions, scopes
from pillion.identity.oauth.client_authentication import METHODS
from pillion.identity.oauth.request import text

# Another session is opened before the last one ends, so that its tokens never outlive it.
_AHEAD: Final = timedelta(hours=1)


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
        try:
            token = access_token.sign(_grant(client, now), audience, scope, now)
        except access_token.SessionEndedError:  # revoked in this moment: the next one is another session's
            token = access_token.sign(_grant(client, now), audience, scope, now)
        return access_token.answer(token, scope)

    def save_token(self, token: Any) -> None:
        """Do nothing: what there is to know stands in the grant."""


def _grant(client: OAuthClient, now: datetime) -> OAuthGrant:
    alive = Session.objects.filter(sessions.live(now), user=None, expires_at__gt=now + _AHEAD)
    grants = OAuthGrant.objects.filter(client=client, sub=client.client_id, session__in=alive)
    found = grants.select_related("session").order_by("-session__created_at").first()
    if found is not None:
        found.session.user = None  # known, and not to be asked for
        found.client = client
        return found
    granted = grant_sessions.Granted(client, None, "", ())
    with transaction.atomic():
        return grant_sessions.open_session(granted, now)
