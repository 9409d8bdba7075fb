"""A token for a session, from the database: the one place where rows become claims."""

import time
import uuid
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from django.conf import settings

from pillion.identity import keys, links, metrics, tokens
from pillion.identity.live_session import LiveSession
from pillion.identity.models import Session, User

_lock = Lock()
_loaded: list[tokens.Signer] = []


class Known(NamedTuple):
    """What a user's token needs besides the user: is the address known to be theirs, and which key signs now.

    `kid` is None when there is none, perhaps for a moment.
    """

    proven: bool
    kid: str | None


def realm() -> tokens.Realm:
    """Say where our tokens are good."""
    return tokens.Realm(issuer=settings.PILLION.origin, audience=settings.PILLION.mesh)


def token(user: User, session: Session, known: Known | None = None, *, lifetime: int | None = None) -> str:
    """Sign a token for a session that `user` has just opened, for `lifetime` seconds (by default: the mesh's).

    The session says already until when it may have tokens. `known` is what else it needs, if that
    was looked up already.
    """
    if session.auth_time is None:
        raise ValueError("nobody has signed in to this session")
    known = known or Known(links.is_proven(user), _signing_kid())
    grant = tokens.Grant(
        sub=str(user.id),
        sid=str(session.sid),
        client_id=session.client_id,
        email=user.email if known.proven else "",
        roles=tuple(user.roles),
        auth_time=int(session.auth_time.timestamp()),
        amr=tuple(session.amr),
        scope=session.scope or tokens.SCOPE,
    )
    return _mint(grant, signer(known.kid), int(time.time()), lifetime or settings.PILLION.token_lifetime)


def fresh_token(session: LiveSession, now: datetime) -> str:
    """Sign a token, good from `now`, for a session that was found alive then and may have it.

    Raises NoSigningKeyError or MasterKeyError.
    """
    grant = tokens.Grant(
        sub=str(session.sub),
        sid=str(session.sid),
        client_id=session.client_id,
        email=session.email if session.proven else "",
        roles=tuple(session.roles),
        auth_time=int(session.auth_time.timestamp()),
        amr=tuple(session.amr),
        scope=session.scope or tokens.SCOPE,
    )
    return _mint(grant, signer(session.kid), int(now.timestamp()), settings.PILLION.token_lifetime)


def granted_token(
    grant: tokens.Grant, audience: str, now: datetime, lifetime: int, key: tokens.Signer
) -> str:
    """Sign a token for what a client was granted, good for `audience`; its session says already until when."""
    there = tokens.Realm(issuer=realm().issuer, audience=audience)
    return _mint(grant, key, int(now.timestamp()), lifetime, there)


def current_signer() -> tokens.Signer:
    """Give the key that signs now; raises NoSigningKeyError or MasterKeyError."""
    return signer(_signing_kid())


def signer(kid: str | None) -> tokens.Signer:
    """Give the key `kid`, which was just read; it is loaded once, and again when it has changed."""
    with _lock:
        known = _loaded[0] if _loaded else None
    if known is not None and known.kid == kid:
        return known
    loaded = keys.signer()
    with _lock:
        _loaded[:] = [loaded]
    return loaded


def _signing_kid() -> str | None:
    try:
        return keys.signing_kid()
    except keys.NoSigningKeyError:  # perhaps for a moment: `keys.signer` waits
        return None


def _mint(
    grant: tokens.Grant, key: tokens.Signer, now: int, lifetime: int, there: tokens.Realm | None = None
) -> str:
    metrics.TOKENS.inc()
    return tokens.mint(key, there or realm(), grant, now=now, lifetime=lifetime, jti=uuid.uuid4())
