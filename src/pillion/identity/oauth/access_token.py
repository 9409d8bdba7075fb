"""The access token of a grant, and the answer of the token endpoint: a token of the mesh like any other."""

from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings

from pillion.identity import issue, links, sessions, tokens
from pillion.identity.models import OAuthGrant, Session
from pillion.identity.oauth import scopes

Answer = dict[str, Any]


class Known(NamedTuple):
    """What the tokens of one answer need besides their grant, looked up once.

    `proven`: the user's address is known to be theirs (`links.is_proven`).
    """

    proven: bool
    signer: tokens.Signer


class SessionEndedError(Exception):
    """The session was revoked a moment ago: there is to be no token."""


def lifetime() -> int:
    """Give the seconds that a token of every grant lives: the mesh's."""
    return int(settings.PILLION.token_lifetime)


def look_up(grant: OAuthGrant) -> Known:
    """Ask for what `sign` needs; raises NoSigningKeyError or MasterKeyError."""
    user = grant.session.user
    return Known(user is not None and links.is_proven(user), issue.current_signer())


def sign(grant: OAuthGrant, audience: str, scope: str, now: datetime, known: Known) -> str:
    """Sign a token for a grant that is alive; raises SessionEndedError."""
    note(grant, now)
    return make(grant, audience, scope, now, known)


def note(grant: OAuthGrant, now: datetime) -> None:
    """Note until when there may be a token that is made at `now`; raises SessionEndedError."""
    session = grant.session
    if not sessions.may_have_token(session.sid, session.tokens_until, now, lifetime()):
        raise SessionEndedError


def make(grant: OAuthGrant, audience: str, scope: str, now: datetime, known: Known) -> str:
    """Sign a token, which nobody is to be given before `note`."""
    said = _claims(grant, grant.session, scope, proven=known.proven)
    return issue.granted_token(said, audience, now, lifetime(), known.signer)


def _claims(grant: OAuthGrant, session: Session, scope: str, *, proven: bool) -> tokens.Grant:
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
        email=(user.email if proven else "") if scopes.EMAIL in scope.split() else None,  # as in every token
        roles=tuple(user.roles),
        auth_time=int(session.auth_time.timestamp()) if session.auth_time else None,
        amr=tuple(session.amr),
        scope=scope,
    )


def answer(access_token: str, scope: str, refresh_token: str | None = None) -> Answer:
    """Give the token response (RFC 6749, section 5.1)."""
    found: Answer = {
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": lifetime(),
        "scope": scope,
    }
    return found if refresh_token is None else found | {"refresh_token": refresh_token}
