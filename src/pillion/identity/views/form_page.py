"""A page with a form on it, as it is first shown or with what was wrong."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import next_path, passkeys, passwords
from pillion.identity.middleware.page_headers import POLICY_WITH_SCRIPT
from pillion.identity.providers import known
from pillion.identity.refusal import Refusal


def form_page(  # noqa: PLR0913 - what a page consists of
    request: HttpRequest,
    template: str,
    *,
    wanted: str = "",
    email: str = "",
    refusal: Refusal | None = None,
    kinds: tuple[str, ...] = (),
    **more: Any,
) -> HttpResponse:
    """Render the page: `wanted` is where to go on, `email` what was typed; a password is never sent back.

    `kinds` are the second factors that may be shown here (for a passkey the page may run our script), `more` is
    what this one page needs to know besides.
    """
    shown = [kind for kind in kinds if kind != "passkey" or passkeys.usable(settings.PILLION)]
    context = {
        "next": next_path.safe(wanted),
        "email": email,
        "refusal": refusal,
        "sign_up_open": settings.PILLION.sign_up == "open",
        "shortest": passwords.SHORTEST,
        "sends_mail": settings.PILLION.sends_mail,
        "verifies": settings.PILLION.verifies,
        "mailbox": settings.PILLION.mailbox is not None,
        "kinds": shown,
        "providers": known.all_of_them(),
        **more,
    }
    response = render(request, template, context, status=refusal.status if refusal else 200)
    for name, value in (refusal.headers if refusal else {}).items():
        response[name] = value
    if "passkey" in shown:
        response["Content-Security-Policy"] = POLICY_WITH_SCRIPT
    return response
