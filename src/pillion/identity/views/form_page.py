"""A page with a form on it, as it is first shown or with what was wrong."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import next_path, passwords
from pillion.identity.refusal import Refusal


def form_page(
    request: HttpRequest,
    template: str,
    *,
    wanted: str = "",
    email: str = "",
    refusal: Refusal | None = None,
    **more: Any,
) -> HttpResponse:
    """Render the page: `wanted` is where to go on, `email` what was typed; a password is never sent back.

    `more` is what this one page needs to know besides.
    """
    context = {
        "next": next_path.safe(wanted),
        "email": email,
        "refusal": refusal,
        "sign_up_open": settings.PILLION.sign_up == "open",
        "shortest": passwords.SHORTEST,
        "sends_mail": settings.PILLION.sends_mail,
        "verifies": settings.PILLION.verifies,
        "mailbox": settings.PILLION.mailbox is not None,
        **more,
    }
    response = render(request, template, context, status=refusal.status if refusal else 200)
    for name, value in (refusal.headers if refusal else {}).items():
        response[name] = value
    return response
