"""What kind of answer a caller wants, and how cookies and refusals are put into it."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from pillion.identity import body, metrics
from pillion.identity.refusal import Refusal, problem


def wants_page(request: HttpRequest) -> bool:
    """Tell a person who looks at this from a program.

    A browser says so (Fetch Metadata); for others, `Accept` has to prefer HTML. Who sends JSON reads JSON.
    """
    if body.is_json(request):
        return False
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    best = request.get_preferred_type(["application/json", "application/problem+json", "text/html"])
    return best == "text/html"


def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Say a refusal: a page to a person, a problem (RFC 9457) to a program."""
    metrics.REFUSALS.labels(refusal.code).inc()
    response: HttpResponse
    if wants_page(request):
        response = render(request, "pillion/refused.html", {"refusal": refusal}, status=refusal.status)
    else:
        response = JsonResponse(
            problem(refusal), status=refusal.status, content_type="application/problem+json"
        )
    for name, value in refusal.headers.items():
        response[name] = value
    return response


def set_token_cookie(response: HttpResponse, token: str) -> None:
    """Give the browser its token, for as long as the token lives."""
    response.set_cookie(
        settings.PILLION.cookies.token,
        token,
        max_age=settings.PILLION.token_lifetime,
        secure=settings.PILLION.secure,
        httponly=True,
        samesite="Lax",
    )


def delete_cookies(response: HttpResponse) -> None:
    """Make the browser forget the session and the token, whether it has them or not."""
    for name in (settings.PILLION.cookies.session, settings.PILLION.cookies.token):
        response.delete_cookie(name, samesite="Lax")
        # Django sets this by itself only for names that begin with `__Host-` or `__Secure-`.
        response.cookies[name]["secure"] = settings.PILLION.secure
        response.cookies[name]["httponly"] = True
