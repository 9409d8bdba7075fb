"""Refuses what another site makes a browser do here: no cookie and no hidden field needed.

See docs/decisions/0003-identity-csrf-by-origin.md. Covers signing in and up as well (login CSRF), where the
victim has no session yet that a token could be tied to.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pillion.identity import answers
from pillion.identity.refusal import Refusal
from pillion.vocabulary import CLIENT_PATHS, CROSS_SITE_PATHS, USERINFO_PATH

# RFC 9110, section 9.2.1.
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# `none`: the person did it by hand (a bookmark, the address bar).
_OURS: Final = frozenset({"same-origin", "none"})

_ANYBODY: Final = frozenset({*CLIENT_PATHS, *CROSS_SITE_PATHS, USERINFO_PATH})


def same_origin(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse an unsafe method that a browser says comes from an origin which is neither ours nor allowed."""

    def middleware(request: HttpRequest) -> HttpResponse:
        # Programs bring no cookie there, or nothing comes of it but a redirect (`vocabulary`).
        anybody = request.path in _ANYBODY
        if (
            anybody
            or request.method in _SAFE
            or is_ours(request.META.get("HTTP_ORIGIN"), request.META.get("HTTP_SEC_FETCH_SITE"))
        ):
            return get_response(request)
        return answers.refuse(
            request,
            Refusal(HTTPStatus.FORBIDDEN, "cross-origin-request", "Another site sent this; it was not done."),
        )

    return middleware


def is_ours(origin: str | None, site: str | None) -> bool:
    """Decide by `Origin` (RFC 6454, section 7) and `Sec-Fetch-Site` (Fetch Metadata); neither: no browser."""
    if origin in settings.PILLION.allow_origins:
        return True
    if site is not None and site not in _OURS:
        return False
    return origin is None or origin == settings.PILLION.origin
