"""Which methods a view answers."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from pillion.identity.refusal import Refusal

View = Callable[[HttpRequest], HttpResponse]


def only(*methods: str) -> Callable[[View], View]:
    """Refuse other methods than these with 405 and `Allow` (RFC 9110, section 15.5.6); GET includes HEAD."""
    allowed = [*methods, "HEAD"] if "GET" in methods else list(methods)

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest) -> HttpResponse:
            if request.method not in allowed:
                raise Refusal(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "method-not-allowed",
                    f"Use {' or '.join(methods)} here.",
                    headers={"Allow": ", ".join(allowed)},
                )
            return view(request)

        return checked

    return decorate
