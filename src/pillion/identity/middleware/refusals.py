"""Turns what goes wrong below into an answer: nothing that a caller sends leads to a traceback."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse

from pillion.identity import answers
from pillion.identity.master_key import MasterKeyError
from pillion.identity.refusal import Refusal, internal_error, malformed, not_signed_in

_KNOWN: Final = (
    (Http404, Refusal(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")),
    (SessionInterrupted, not_signed_in("The session ended in the meantime. Sign in again.")),
    (SuspiciousOperation, malformed("The request cannot be read.")),
    (BadRequest, malformed("The request cannot be read.")),
    (PermissionDenied, Refusal(HTTPStatus.FORBIDDEN, "forbidden", "This is not for you.")),
)
_UNAVAILABLE: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable",
    "This cannot be done right now. Try again soon.",
    headers={"Retry-After": "1"},
)

_log = logging.getLogger("pillion.identity")


def refusals(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer for whatever a view raises."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse:
        return answers.refuse(request, refusal_of(request, exception))

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware


def refusal_of(request: HttpRequest, exception: BaseException) -> Refusal:
    """Give the refusal that an exception stands for; what nobody foresaw is logged, and is our fault: 500."""
    if isinstance(exception, Refusal):
        return exception
    for kind, refusal in _KNOWN:
        if isinstance(exception, kind):
            return refusal
    # Error, not DatabaseError: a connection that broke earlier is none to Django.
    if isinstance(exception, Error | MasterKeyError):
        what = "secrets" if isinstance(exception, MasterKeyError) else "database"
        _log.error("%s %s: %s: %s", request.method, request.path, what, exception)
        return _UNAVAILABLE
    _log.error("%s %s failed", request.method, request.path, exc_info=exception)
    return internal_error()
