"""An access token that is handed in, by whomever it was issued for: what it says, and the session behind it."""

import time
import uuid
from typing import Any

from django.db.models import Q
from django.utils import timezone

from pillion.identity import keys, sessions, tokens
from pillion.identity.issue import realm
from pillion.identity.models import OAuthGrant, Session
from pillion.identity.oauth import grant_sessions


def read(token: str) -> dict[str, Any] | None:
    """Give the claims of an access token of ours for any audience that has not expired; None for anything else."""
    audience = tokens.audience_of(token)
    if audience is None:
        return None
    there = tokens.Realm(issuer=realm().issuer, audience=audience)
    try:
        return tokens.verify(token, keys.public_keys(), there, now=int(time.time()))
    except tokens.InvalidTokenError:
        return None


def live_session(claims: dict[str, Any]) -> Session | None:
    """Find the session of a token if it is alive, and so is what it hangs on; a browser's or a client's."""
    now = timezone.now()
    try:
        sid = uuid.UUID(claims["sid"])
    except ValueError:
        return None
    of_a_client = Q(sid__in=grant_sessions.live_grants(now).filter(session=sid).values("session"))
    of_a_browser = Q(user__is_active=True) & ~Q(
        sid__in=OAuthGrant.objects.filter(session=sid).values("session")
    )
    found = Session.objects.filter(sessions.live(now), sid=sid).filter(of_a_client | of_a_browser)
    return found.select_related("user").first()
