"""The authorization code grant, with PKCE (RFC 6749, section 4.1; RFC 7636): a code for tokens, once."""

import hmac
import re
from datetime import timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import AuthorizationCodeGrant, InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge
from django.db import transaction
from django.utils import timezone

from pillion.identity.models import OAuthClient, OAuthCode, OAuthGrant, Session, User
from pillion.identity.oauth import access_token, audiences, grant_sessions, hashes, id_token, narrowed, scopes
from pillion.identity.oauth.client_authentication import ALL_METHODS
from pillion.identity.oauth.request import text

CODE_LIFETIME: Final = timedelta(seconds=60)
# RFC 7636, section 4.2: 43 characters is what SHA-256 gives.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    """Authlib's grant on our tables."""

    TOKEN_ENDPOINT_AUTH_METHODS = ALL_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: OAuthClient) -> str:
        """Give where to answer. Authlib's own words would repeat what was sent."""
        wanted = text(request, "redirect_uri")
        if wanted and client.check_redirect_uri(wanted):
            return wanted
        if not wanted and (only := client.get_default_redirect_uri()):
            return only
        raise InvalidRequestError("The redirect_uri is not one that the client has registered.")

    def generate_authorization_code(self) -> str:
        """Make 256 random bits."""
        return hashes.new_secret()

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Note what was allowed, by the session that the view has put into the request."""
        OAuthCode.objects.create(
            code_hash=hashes.of(code),
            client=request.client,
            parent=request.session,
            redirect_uri=text(request, "redirect_uri"),
            scope=request.scope,
            audiences=audiences.granted(request, request.client),
            nonce=text(request, "nonce"),
            code_challenge=text(request, "code_challenge"),
            expires_at=timezone.now() + CODE_LIFETIME,
        )

    def query_authorization_code(self, code: str, client: OAuthClient) -> OAuthCode | None:
        """Find a code of this client; one that was used before takes with it what came of it (RFC 9700, 4.5)."""
        found = OAuthCode.objects.filter(code_hash=hashes.of(code), client=client).first()
        if found is not None and found.sid is not None:
            grant_sessions.end([found.sid])
            return None
        return found if found is not None and found.expires_at > timezone.now() else None

    def authenticate_user(self, authorization_code: OAuthCode) -> Session | None:
        """Find who allowed it, by a session that has not ended since; the rest is for `generate_token`."""
        return authorization_code.parent

    def generate_token(self, **_: Any) -> access_token.Answer:
        """Use the code up, open the session, and give its tokens: all of it or nothing."""
        code: OAuthCode = self.request.authorization_code
        now = timezone.now()
        with transaction.atomic():
            answer = self._use(code, now)
        if answer is None:  # somebody was quicker with the same code, or it was taken back
            used = OAuthCode.objects.filter(code_hash=code.code_hash).values_list("sid", flat=True)
            grant_sessions.end(used)
            raise InvalidGrantError("The code was used before.")
        return answer

    def _use(self, code: OAuthCode, now: Any) -> access_token.Answer | None:
        client: OAuthClient = self.request.client
        parent = grant_sessions.hold(code.parent_id, now)
        if parent is None or not isinstance(parent.user, User):
            raise InvalidGrantError("The session has ended.")
        if code.redirect_uri and not client.check_redirect_uri(code.redirect_uri):
            raise InvalidGrantError("The client has the redirect_uri of the code no more.")
        left = narrowed.left(code.scope, code.audiences, client)
        audience = audiences.of_token(self.request, list(left.audiences))
        granted = grant_sessions.Granted(client, parent, left.scope, left.audiences)
        grant = grant_sessions.open_session(granted, now)
        if not OAuthCode.objects.filter(code_hash=code.code_hash, sid=None).update(sid=grant.session_id):
            transaction.set_rollback(True)
            return None
        return tokens_of_a_user(grant, audience, code.nonce, now)

    def save_token(self, token: Any) -> None:
        """Do nothing: what there is to know stands in the grant."""

    def delete_authorization_code(self, authorization_code: OAuthCode) -> None:
        """Do nothing: a code that was used is kept until it is certain that nobody uses it again."""


class Pkce(CodeChallenge):  # type: ignore[misc]
    """Required of every client, by SHA-256 alone (RFC 9700, section 2.1.1); Authlib would let both be left out."""

    def validate_code_challenge(self, grant: Any, _: str) -> None:
        """Look at the authorization request."""
        if not _CHALLENGE.fullmatch(text(grant.request, "code_challenge")):
            raise InvalidRequestError("Send a code_challenge (RFC 7636).")
        if text(grant.request, "code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method has to be S256.")

    def validate_code_verifier(self, grant: Any, _: Any) -> None:
        """Look at the token request."""
        verifier = text(grant.request, "code_verifier")
        code: OAuthCode = grant.request.authorization_code
        if not _VERIFIER.fullmatch(verifier):
            raise InvalidRequestError("Send the code_verifier of this code (RFC 7636).")
        if not hmac.compare_digest(create_s256_code_challenge(verifier), code.code_challenge):
            raise InvalidGrantError("The code_verifier is not that of this code.")


def tokens_of_a_user(grant: OAuthGrant, audience: str, nonce: str, now: Any) -> access_token.Answer:
    """Give the first tokens of a grant by a user; raises OAuth2Error if it has ended already."""
    known = access_token.look_up(grant)
    try:
        token = access_token.sign(grant, audience, grant.scope, now, known)
    except access_token.SessionEndedError:
        raise InvalidGrantError("The session has ended.") from None
    refresh = (
        grant_sessions.new_refresh_token(grant) if grant.client.check_grant_type("refresh_token") else None
    )
    answer = access_token.answer(token, grant.scope, refresh)
    if scopes.OPENID in grant.scope.split():
        answer["id_token"] = id_token.sign(grant, grant.scope, token, nonce, known)
    return answer
