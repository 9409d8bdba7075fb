"""Sends a browser back to a client, with a code or with what went wrong."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from authlib.oauth2.rfc6749 import OAuth2Error
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import answers
from pillion.identity.refusal import Refusal

_HERE: Final = "same-origin"


def error(request: HttpRequest, wrong: OAuth2Error, state: str) -> HttpResponse:
    """Tell the client of an error, or the person where it is not known to be the client's (RFC 6749, 4.1.2.1)."""
    said = wrong.get_error_description() or ""
    if not wrong.redirect_uri:
        refusal = Refusal(
            HTTPStatus.BAD_REQUEST,
            "authorization-request",
            f"The program that sent you here asked in a way that cannot be answered. {said}".strip(),
        )
        return answers.refuse(request, refusal)
    parameters = {"error": wrong.error, "error_description": said, "state": state}
    return back(request, wrong.redirect_uri, parameters)


def back(request: HttpRequest, redirect_uri: str, parameters: dict[str, str]) -> HttpResponse:
    """Send the browser there; `iss` says who answers, against a mix-up (RFC 9207)."""
    given = {name: value for name, value in parameters.items() if value}
    return lead(request, with_parameters(redirect_uri, {**given, "iss": settings.PILLION.origin}))


def lead(request: HttpRequest, uri: str) -> HttpResponse:
    """Send the browser to another place.

    Out of one of our forms, Chromium lets it go only where the form's page may post to (`form-action`), over all
    redirects: there it is handed a page, which goes on by itself.
    """
    out_of_a_form = request.headers.get("Sec-Fetch-Site") == _HERE
    if out_of_a_form and request.headers.get("Sec-Fetch-Dest") == "document":
        return render(request, "pillion/go_on.html", {"uri": uri})
    response = HttpResponse(
        status=HTTPStatus.SEE_OTHER
    )  # never 307, which would send a form on (RFC 9700, 4.12)
    response["Location"] = uri
    return response


def with_parameters(uri: str, parameters: dict[str, str]) -> str:
    """Add to a URI's query, which is kept (RFC 6749, section 3.1.2)."""
    parts = urlsplit(uri)
    added = urlencode(parameters, quote_via=quote)
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
