"""Tells clients that somebody's session has ended, however it did (OpenID Connect Back-Channel Logout 1.0).

A grant of a client that wants to know has `tell_at` set from the start. A thread of the server looks for those
whose session has ended, and posts a logout token; so nothing that ends a session has to think of it, and what was
not delivered when the process died is delivered by the next one.
"""

import logging
import threading
import time
import uuid
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone
from joserfc import jwt

from pillion.identity import issue, sessions, sql
from pillion.identity.lifetimes import IDLE_LIFETIME
from pillion.identity.models import OAuthClient, OAuthCode, OAuthDeviceCode, OAuthGrant, Session
from pillion.identity.oauth import grant_sessions

TYPE: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
TICK_SECONDS: Final = 0.5
# A logout token is for now (section 2.4), and who does not take it soon has gone.
_LIFETIME: Final = 120
_WHOLE_SECONDS: Final = 5.0
_WAITS: Final = tuple(timedelta(seconds=wait) for wait in (5, 30, 120, 600))
_AT_ONCE: Final = 20
_DUE: Final = (
    f"SELECT g.session_id FROM {sql.table(OAuthGrant)} g JOIN {sql.table(Session)} s ON s.sid = g.session_id "  # noqa: S608 - constants
    "WHERE (s.revoked_at IS NOT NULL OR s.expires_at <= %s) AND g.tell_at <= %s "
    f"ORDER BY g.tell_at LIMIT {_AT_ONCE}"
)
# The server may start before its database is prepared.
_COMPLAINT: Final = 20
_TIDY: Final = timedelta(minutes=1)

_log = logging.getLogger("pillion.identity")


def start() -> None:
    """Begin; the thread ends with the process."""
    threading.Thread(target=_run, name="back-channel", daemon=True).start()


def tell(now: datetime) -> int:
    """Post what is due at `now`; gives how many clients have taken it."""
    until = sql.stored(OAuthGrant, "tell_at", now)
    due = sql.column(_DUE, until, until)  # in SQL: it is asked twice a second, mostly for nothing
    if not due:
        return 0
    grants = OAuthGrant.objects.filter(pk__in=due).select_related("client").order_by("tell_at")
    return sum(_try(grant, now) for grant in grants)


def expect(client: OAuthClient, now: datetime) -> None:
    """See to it that a client is told of what it holds now, if it wants to know from now on; else of nothing."""
    mine = OAuthGrant.objects.filter(client=client)
    if client.backchannel_logout_uri:
        of_people = grant_sessions.live_grants(now).filter(client=client, session__user__isnull=False)
        mine.filter(pk__in=of_people.values("pk"), tell_at=None).update(tell_at=now, told_times=0)
    else:
        mine.filter(tell_at__isnull=False).update(tell_at=None)


def tidy(now: datetime) -> None:
    """End what hangs on a browser's session that nobody uses any more; forget codes that are of no use."""
    idle = OAuthGrant.objects.filter(parent__last_used_at__lte=now - IDLE_LIFETIME)
    sessions.revoke(Session.objects.filter(sid__in=idle.values("session")), now)
    # A code is kept for as long as somebody may send it a second time.
    OAuthCode.objects.filter(expires_at__lte=now - timedelta(hours=1)).delete()
    OAuthDeviceCode.objects.filter(expires_at__lte=now - timedelta(hours=1)).delete()


def _try(grant: OAuthGrant, now: datetime) -> bool:
    """Post one logout token, unless another process does; what fails is tried again, and then given up."""
    times = grant.told_times
    following = now + _WAITS[times] if times < len(_WAITS) else None
    mine = OAuthGrant.objects.filter(pk=grant.pk, tell_at=grant.tell_at)
    if not mine.update(tell_at=following, told_times=times + 1):
        return False
    why = _post(grant)
    if why is None:
        OAuthGrant.objects.filter(pk=grant.pk).update(tell_at=None)
        return True
    _log.warning("client %s was not told that a session has ended: %s", grant.client_id, why)
    return False


def _post(grant: OAuthGrant) -> str | None:
    """Post it (section 2.5); gives why that failed."""
    import httpx  # noqa: PLC0415 - for those alone whose clients want to know

    from pillion.identity import event_loop, outgoing  # noqa: PLC0415 - likewise

    token = logout_token(grant)

    async def post() -> int:
        async with outgoing.client(
            seconds=_WHOLE_SECONDS, connect_seconds=_WHOLE_SECONDS, by_proxy=False
        ) as client:
            status, _ = await outgoing.exchange(
                client,
                "POST",
                grant.client.backchannel_logout_uri,
                seconds=_WHOLE_SECONDS,
                most_bytes=0,
                data={"logout_token": token},
            )
            return status

    try:
        status = event_loop.run(post())
    except (TimeoutError, *outgoing.FAILURES) as error:
        return type(error).__name__
    return None if httpx.codes.is_success(status) else f"it answered {status}"


def logout_token(grant: OAuthGrant) -> str:
    """Sign a logout token (section 2.4): no nonce, and a type that nobody takes for an ID token."""
    signer = issue.current_signer()
    now = int(time.time())
    claims = {
        "iss": settings.PILLION.origin,
        "sub": grant.sub,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + _LIFETIME,
        "jti": str(uuid.uuid4()),
        "sid": str(grant.session_id),
        "events": {EVENT: {}},
    }
    header = {"alg": signer.algorithm, "typ": TYPE, "kid": signer.kid}
    return jwt.encode(header, claims, signer.key, algorithms=[signer.algorithm])


def _run() -> None:
    failed, tidied = 0, timezone.now() - _TIDY
    never = threading.Event()
    while not never.wait(TICK_SECONDS):
        try:
            now = timezone.now()
            tell(now)
            if now - tidied >= _TIDY:
                tidied = now
                tidy(now)
            failed = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the next tick may find it mended
            failed += 1
            if failed == _COMPLAINT:
                _log.exception("clients cannot be told of sessions that ended: %s", error)
            close_old_connections()
