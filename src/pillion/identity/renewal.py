"""Renewal: the edge asks for a fresh token for a session. Before Django, since it is the hot path.

The edge's ext_authz filter calls RENEWAL_PATH + the original path, with any method, and with the value of the
session cookie in SESSION_HEADER, or an API key in API_KEY_HEADER. The answer is 200 whenever the question could be
answered: with a token for a live session, without one otherwise; 401 for a key that is none; else 503.
"""

import itertools
import logging
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from pillion.identity import issue, keys, live_session, metrics, sessions
from pillion.identity.live_session import LiveSession
from pillion.identity.master_key import MasterKeyError
from pillion.vocabulary import (
    API_KEY_HEADER,
    RENEWAL_PATH,
    SESSION_HEADER,
    SID_HEADER,
    USER_HEADER,
    Cookies,
)

Headers = list[tuple[str, str]]

_SESSION_VARIABLE: Final = "HTTP_" + SESSION_HEADER.upper().replace("-", "_")
_API_KEY_VARIABLE: Final = "HTTP_" + API_KEY_HEADER.upper().replace("-", "_")

_log = logging.getLogger("pillion.identity")
_counter = itertools.count()
_asked = [0]


def is_renewal(path: str) -> bool:
    """Tell whether this path is the renewal's."""
    return path == RENEWAL_PATH or path.startswith(f"{RENEWAL_PATH}/")


def asked() -> int:
    """Give how many renewals this process was asked for."""
    return _asked[0]


def answer(environ: dict[str, Any]) -> tuple[str, Headers]:
    """Give the status and the headers of the answer; there is no body."""
    _asked[0] = next(_counter) + 1  # next() is atomic, so that no thread's count is lost
    try:
        key = environ.get(_API_KEY_VARIABLE)
        status, headers = (
            _exchange(key) if key is not None else ("200 OK", _renew(environ.get(_SESSION_VARIABLE)))
        )
    except (DatabaseError, keys.NoSigningKeyError, MasterKeyError) as error:
        _log.error("renewal: %s", error)
        status, headers = "503 Service Unavailable", [("retry-after", "1")]
    metrics.RENEWALS.labels(_outcome(status, headers)).inc()
    return status, headers


def _outcome(status: str, headers: Headers) -> str:
    if status != "200 OK":
        return "refused" if status.startswith("401") else "unavailable"
    return "token" if headers and headers[0][0] == "authorization" else "none"


def _renew(key: str | None) -> Headers:
    if key is None:
        return []
    now = timezone.now()
    session = _live(sessions.hash_of(key), now)
    if session is None and sessions.is_visit(key, now):
        # A sign-in that waits for its second step keeps its cookie, whatever the browser asks for meanwhile.
        return []
    if session is None:
        return [("set-cookie", deletion) for deletion in _cookies().deletions()]
    token = issue.fresh_token(session, now)
    cookie = _cookies().set(_cookies().token, token, settings.PILLION.token_lifetime)
    return [*_told(session, token), ("set-cookie", cookie)]


def _exchange(key: str) -> tuple[str, Headers]:
    """Give a token for an API key: only the edge ever sees the key, and services see the token."""
    now = timezone.now()
    session = _live(sessions.hash_of_api_key(key), now)
    if session is None:
        return "401 Unauthorized", []
    return "200 OK", _told(session, issue.fresh_token(session, now))


def _live(key_hash: str | None, now: datetime) -> LiveSession | None:
    """Find a live session, and note that it was used and may have a token."""
    if key_hash is None:
        return None
    session = live_session.find(key_hash, now)
    if session is None:
        return None
    lifetime = settings.PILLION.token_lifetime
    return session if sessions.may_have_token(session.sid, session.tokens_until, now, lifetime) else None


def _told(session: LiveSession, token: str) -> Headers:
    return [
        ("authorization", f"Bearer {token}"),
        (USER_HEADER, str(session.sub)),
        (SID_HEADER, str(session.sid)),
    ]


def _cookies() -> Cookies:
    names: Cookies = settings.PILLION.cookies
    return names
