"""A request with our session engine behind it, as far as types can tell."""

from typing import cast

from django.http import HttpRequest

from pillion.identity.models import Session
from pillion.identity.session_store import SessionStore


def session_of(request: HttpRequest) -> SessionStore:
    """Give the session of a request: `settings.SESSION_ENGINE` says that it is ours."""
    return cast("SessionStore", request.session)


def row_of(request: HttpRequest) -> Session | None:
    """Give the row of a request's session, loaded if nothing has asked for it yet; None without one."""
    session = session_of(request)
    session.get("")
    return session.row
