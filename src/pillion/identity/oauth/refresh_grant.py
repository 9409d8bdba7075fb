"""The refresh token grant: a refresh token is good once, and gives the next one (RFC 9700, section 4.14)."""

from datetime import datetime
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError, RefreshTokenGrant
from django.db import transaction
from django.utils import timezone

from pillion.identity import issue, keys, links, sessions
from pillion.identity.lifetimes import USE_RESOLUTION
from pillion.identity.models import OAuthClient, OAuthGrant, Session, User
from pillion.identity.oauth import access_token, audiences, grant_sessions, hashes, id_token, narrowed, scopes
from pillion.identity.oauth.client_authentication import ALL_METHODS
from pillion.identity.oauth.request import text
from pillion.identity.sql import Joined, stored, table, update

_BY_SELECTOR: Final = Joined(
    f"FROM {table(OAuthGrant)} g JOIN {table(Session)} s ON s.sid = g.session_id "
    f"LEFT JOIN {table(User)} u ON u.id = s.user_id LEFT JOIN {table(Session)} p ON p.sid = g.parent_id "
    "WHERE g.selector_hash = %s AND g.client_id = %s",
    also=(links.PROVEN_OF_U, keys.SIGNING_KID),
    g=(OAuthGrant, ("session", "client", "parent", "sub", "scope", "audiences", "secret_hash")),
    s=(Session, ("sid", "client_id", "tokens_until", "expires_at", "revoked_at", "auth_time", "amr")),
    u=(User, ("id", "email", "roles", "is_active")),
    p=(Session, ("sid", "expires_at", "revoked_at", "last_used_at")),
)
_USE: Final = f"UPDATE {table(OAuthGrant)} SET secret_hash = %s WHERE session_id = %s AND secret_hash = %s"  # noqa: S608
_REFUSED: Final = "The refresh token is not good, or not good any more."


class RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]
    """Authlib's grant on our tables."""

    TOKEN_ENDPOINT_AUTH_METHODS = ALL_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def _validate_request_token(self, client: OAuthClient) -> OAuthGrant:
        """Find the grant. Authlib would tell nobody what is wrong, and look at the client after the token."""
        found = _look(text(self.request, "refresh_token"), client)
        if found is None:
            raise InvalidGrantError(_REFUSED)
        grant, self._proven, self._kid = found
        grant.scope, grant.audiences = narrowed.of_grant(grant)
        return grant

    def _validate_token_scope(self, token: OAuthGrant) -> None:
        if scopes.within(text(self.request, "scope"), token.scope) is None:
            raise InvalidScopeError

    def authenticate_user(self, refresh_token: OAuthGrant) -> OAuthGrant:
        """Give something that is there; whether the user may still come in is asked in `issue_token`."""
        return refresh_token

    def issue_token(self, _: Any, refresh_token: OAuthGrant) -> access_token.Answer:
        """Use the token up, and give the next ones: all of it or nothing."""
        now = timezone.now()
        if not grant_sessions.is_live(refresh_token, now):
            raise InvalidGrantError(_REFUSED)
        following = hashes.new_secret()
        # Signed before the transaction, in which others wait for their turn; given away after it.
        answer = self._signed(refresh_token, following, now)
        if not self._use(refresh_token, following, now):  # it was used a moment ago
            grant_sessions.end([refresh_token.session_id])
            raise InvalidGrantError(_REFUSED)
        _prolong(refresh_token, now)  # afterwards: nobody is to hold one session and wait for another
        return answer

    def _signed(self, grant: OAuthGrant, following: str, now: datetime) -> access_token.Answer:
        scope = scopes.within(text(self.request, "scope"), grant.scope) or ""
        audience = audiences.of_token(self.request, grant.audiences)
        known = access_token.Known(self._proven, issue.signer(self._kid))
        token = access_token.make(grant, audience, scope, now, known)
        selector = text(self.request, "refresh_token").partition(".")[0]
        answer = access_token.answer(token, scope, f"{selector}.{following}")
        if scopes.OPENID in scope.split():
            # Without the nonce, which belongs to the first (OpenID Connect Core, section 12.2).
            answer["id_token"] = id_token.sign(grant, scope, token, "", known)
        return answer

    def _use(self, grant: OAuthGrant, following: str, now: datetime) -> bool:
        """Put the next secret in the place of the one that was sent, if that is still the one."""
        _, secret = grant_sessions.split(text(self.request, "refresh_token")) or ("", "")
        sid = stored(OAuthGrant, "session", grant.session_id)
        try:
            with transaction.atomic():
                if not update(_USE, hashes.of(following), sid, hashes.of(secret)):
                    return False
                access_token.note(grant, now)
        except access_token.SessionEndedError:
            raise InvalidGrantError(_REFUSED) from None
        return True

    def save_token(self, token: Any) -> None:
        """Do nothing: what there is to know stands in the grant."""

    def revoke_old_credential(self, refresh_token: OAuthGrant) -> None:
        """Do nothing: the next one has replaced it."""


def find(refresh_token: str, client: OAuthClient) -> OAuthGrant | None:
    """Find the grant of a client by its latest refresh token; an earlier one ends it: one of two was a thief."""
    found = _look(refresh_token, client)
    return None if found is None else found[0]


def _look(refresh_token: str, client: OAuthClient) -> tuple[OAuthGrant, bool, str | None] | None:
    """Find it as `find` does; gives also whether the user's address is proven, and the key that signs now."""
    parts = grant_sessions.split(refresh_token)
    if parts is None:
        return None
    found = _BY_SELECTOR.first(hashes.of(parts[0]), client.client_id)
    if found is None:
        return None
    grant, session, user, parent, proven, kid = found
    session.user = user
    grant.session, grant.parent, grant.client = session, parent, client
    if grant.secret_hash != hashes.of(parts[1]):
        grant_sessions.end([grant.session_id])
        return None
    return grant, bool(proven), kid


def _prolong(grant: OAuthGrant, now: datetime) -> None:
    """Keep what is in use alive: the browser's session, or one that lives while nobody is there."""
    if grant.parent is not None:
        sessions.mark_used(grant.parent.sid, grant.parent.last_used_at, now)
    else:
        until = now + grant_sessions.LASTING
        if until - grant.session.expires_at > USE_RESOLUTION:
            Session.objects.filter(sid=grant.session_id, revoked_at=None).update(expires_at=until)
