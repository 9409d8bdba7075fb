"""Saying who a token speaks of, as long as its session is alive."""

import re
import time
from datetime import UTC
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from pillion.identity import issue, keys, sessions, tokens
from pillion.identity.refusal import not_signed_in

# RFC 9110, section 11.1: the scheme's name is case-insensitive. RFC 6750, section 2.1: one token, no more.
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)")


def who_am_i(authorization: str | None) -> dict[str, Any]:
    """Give the document of `/me` for an Authorization header; raises Refusal (401)."""
    if not authorization:
        raise not_signed_in("Nobody is signed in.")
    bearer = _BEARER.fullmatch(authorization)
    if bearer is None:
        raise not_signed_in("Send one bearer token.", error="invalid_request")
    try:
        claims = tokens.verify(bearer[1], keys.public_keys(), issue.realm(), now=int(time.time()))
        sid, sub = UUID(claims["sid"]), UUID(claims["sub"])
    except (tokens.InvalidTokenError, ValueError) as error:
        why = error if isinstance(error, tokens.InvalidTokenError) else "it does not say whose it is"
        raise not_signed_in(f"The token is refused: {why}.", error="invalid_token") from None
    session = (
        sessions.live_of_users(timezone.now()).select_related("user").filter(sid=sid, user_id=sub).first()
    )
    if session is None or session.user is None:
        raise not_signed_in("The session has ended.", error="invalid_token")
    return {
        "sub": str(session.user.id),
        "email": session.user.email,
        "roles": list(session.user.roles),
        "session": str(session.sid),
        "expires_at": session.expires_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
