"""Which methods a view answers."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, TypeAlias

from django.http import HttpRequest, HttpResponse

from pillion.identity.refusal import Refusal

# What a view is given besides the request: parts of the path.
P = ParamSpec("P")
View = Callable[[HttpRequest], HttpResponse]
ViewOfPath: TypeAlias = Callable[Concatenate[HttpRequest, P], HttpResponse]


def only(*methods: str, head: bool = True) -> Callable[[ViewOfPath[P]], ViewOfPath[P]]:
    """Refuse other methods than these with 405 and `Allow` (RFC 9110, section 15.5.6).

    GET includes HEAD; not (`head`) where a GET does something, as one does by which a browser comes back.
    """
    allowed = [*methods, "HEAD"] if "GET" in methods and head else list(methods)

    def decorate(view: ViewOfPath[P]) -> ViewOfPath[P]:
        @wraps(view)
        def checked(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if request.method not in allowed:
                raise Refusal(
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    "method-not-allowed",
                    f"Use {' or '.join(methods)} here.",
                    headers={"Allow": ", ".join(allowed)},
                )
            return view(request, *args, **kwargs)

        return checked

    return decorate
