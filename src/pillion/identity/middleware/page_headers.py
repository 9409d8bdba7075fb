"""Puts the security headers on every answer."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse

# 'none' first, then what the pages need: their own stylesheet, forms that post to this origin. No script.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# For the pages where a passkey can be used: our own script, which asks us for what it needs.
POLICY_WITH_SCRIPT: Final = f"{_POLICY}; script-src 'self'; connect-src 'self'"
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # The path of a sign-in page holds `next`, which is nobody else's business.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page_headers(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Set HEADERS where the view has not set its own."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code != HTTPStatus.NO_CONTENT:  # RFC 9110, section 8.6
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    return middleware
