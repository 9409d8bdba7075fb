"""The access token of a grant, and the answer of the token endpoint: a token of the mesh like any other."""

from datetime import datetime
from typing import Any

from django.conf import settings

from pillion.identity import issue, links, sessions, tokens
from pillion.identity.models import OAuthGrant, Session, User
from pillion.identity.oauth import scopes

Answer = dict[str, Any]


class SessionEndedError(Exception):
    """The session was revoked a moment ago: there is to be no token."""


def lifetime() -> int:
    """Give the seconds that a token of every grant lives: the mesh's."""
    return int(settings.PILLION.token_lifetime)


def sign(grant: OAuthGrant, audience: str, scope: str, now: datetime) -> str:
    """Sign a token for a grant that is alive; raises SessionEndedError, NoSigningKeyError or MasterKeyError."""
    note(grant, now)
    return make(grant, audience, scope, now)


def note(grant: OAuthGrant, now: datetime) -> None:
    """Note until when there may be a token that is made at `now`; raises SessionEndedError."""
    session = grant.session
    if not sessions.may_have_token(session.sid, session.tokens_until, now, lifetime()):
        raise SessionEndedError


def make(grant: OAuthGrant, audience: str, scope: str, now: datetime) -> str:
    """Sign a token, which nobody is to be given before `note`; raises NoSigningKeyError or MasterKeyError."""
    return issue.granted_token(claims(grant, grant.session, scope), audience, now, lifetime())


def claims(grant: OAuthGrant, session: Session, scope: str) -> tokens.Grant:
    """Say of whom the token speaks: of the user, with the email if that was granted; or of the client itself."""
    user = session.user
    if user is None:
        return tokens.Grant(
            sub=grant.sub,
            sid=str(session.sid),
            client_id=str(session.client_id),
            email=None,
            roles=tuple(grant.client.roles),
            auth_time=None,
            amr=None,
            scope=scope,
        )
    return tokens.Grant(
        sub=str(user.id),
        sid=str(session.sid),
        client_id=str(session.client_id),
        email=_email(user) if scopes.EMAIL in scope.split() else None,
        roles=tuple(user.roles),
        auth_time=int(session.auth_time.timestamp()) if session.auth_time else None,
        amr=tuple(session.amr),
        scope=scope,
    )


def _email(user: User) -> str:
    return str(user.email) if links.is_proven(user) else ""  # as in every token


def answer(access_token: str, scope: str, refresh_token: str | None = None) -> Answer:
    """Give the token response (RFC 6749, section 5.1)."""
    found: Answer = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": lifetime(),
        "scope": scope,
    }
    return found if refresh_token is None else found | {"refresh_token": refresh_token}
