"""Turns what goes wrong below into an answer: nothing that a caller sends leads to a traceback."""

import logging
from collections.abc import Callable
from http import HTTPStatus

from allauth.core.exceptions import RateLimited
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse

from pillion.identity import answers
from pillion.identity.refusal import Refusal, malformed, try_later

_log = logging.getLogger("pillion.identity")


def refusals(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer for whatever is raised by a view, by a middleware below, or as an HTTP error without a body."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        return response

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse:
        return answers.refuse(request, refusal_of(request, exception))

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware


def refusal_of(request: HttpRequest, exception: BaseException) -> Refusal:
    """Give the refusal that an exception stands for; what nobody foresaw is logged, and is our fault: 500."""
    if isinstance(exception, Refusal):
        return exception
    if isinstance(exception, Http404):
        return Refusal(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")
    if isinstance(exception, RateLimited):
        return try_later(60)
    if isinstance(exception, SessionInterrupted):
        return malformed("The session ended in the meantime. Sign in again.")
    if isinstance(exception, SuspiciousOperation):
        return malformed("The request cannot be read.")
    if isinstance(exception, DatabaseError):
        _log.error("%s %s: database: %s", request.method, request.path, exception)
        return Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "unavailable",
            "This cannot be done right now. Try again soon.",
            headers={"Retry-After": "1"},
        )
    _log.error("%s %s failed", request.method, request.path, exc_info=exception)
    return Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", "Something went wrong here; it is logged."
    )
