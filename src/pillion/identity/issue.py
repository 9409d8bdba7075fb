"""A token for a session, from the database: the one place where a row becomes a claim."""

import time
import uuid
from threading import Lock
from typing import Any

from django.conf import settings

from pillion.identity import keys, sessions, tokens
from pillion.identity.models import User

_lock = Lock()
_loaded: list[tokens.Signer] = []


def realm() -> tokens.Realm:
    """Say where our tokens are good."""
    return tokens.Realm(issuer=settings.PILLION.origin, audience=settings.PILLION.mesh)


def token(user: User, session: Any, *, lifetime: int | None = None, kid: str | None = None) -> str:
    """Sign a token for `session` of `user`, for `lifetime` seconds (by default: the mesh's).

    `kid` names the key that signs now, where the caller has just read it; else it is read.
    """
    grant = tokens.Grant(
        sub=str(user.id), email=user.email, roles=tuple(user.roles), **sessions.grant_fields(session)
    )
    return tokens.mint(
        signer(kid),
        realm(),
        grant,
        now=int(time.time()),
        lifetime=lifetime or settings.PILLION.token_lifetime,
        jti=uuid.uuid4(),
    )


def signer(kid: str | None = None) -> tokens.Signer:
    """Give the key `kid`, or else the one that signs now; it is loaded once and again when it has changed."""
    kid = kid or keys.signing_kid()
    with _lock:
        if not _loaded or _loaded[0].kid != kid:
            _loaded[:] = [keys.signer()]
        return _loaded[0]
