"""Saying who a token speaks of, as long as its session is alive."""

from datetime import UTC
from typing import Any

from django.utils import timezone

from pillion.identity import bearer, links, sessions
from pillion.identity.refusal import not_signed_in


def who_am_i(authorization: str | None) -> dict[str, Any]:
    """Give the document of `/me` for an Authorization header; raises Refusal (401)."""
    if not authorization:
        raise not_signed_in("Nobody is signed in.")
    sid, sub = bearer.in_header(authorization)
    session = (
        sessions.live_of_users(timezone.now()).select_related("user").filter(sid=sid, user_id=sub).first()
    )
    if session is None or session.user is None:
        raise not_signed_in("The session has ended.", error="invalid_token")
    return {
        "sub": str(session.user.id),
        "email": session.user.email,
        "email_verified": links.is_proven(session.user),
        "roles": list(session.user.roles),
        "session": str(session.sid),
        "expires_at": session.expires_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
