"""`/pillion/mail`: the local mailbox, on a laptop alone, for who has the key that `pillion up` prints.

Whoever reads it can take over every account. So there is a key, although only this machine reaches the edge: other
users of it do as well, and so does the world where a tunnel or a proxy leads to it. It stands in the address, as
the edge lets no cookie but Pillion's two through to here; no page that is led to from here is told that address.
"""

import hmac
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from pillion.identity.mail import mailbox
from pillion.identity.refusal import Refusal
from pillion.identity.views.only import only

_LINK: Final = re.compile(r"https?://[^\s<>&]+(?:&amp;[^\s<>&]+)*")


@only("GET")
def view(request: HttpRequest) -> HttpResponse:
    """List the mails, the latest first; with `letter`, show one of them, its links as links."""
    folder = settings.PILLION.mailbox
    wanted = settings.PILLION.mailbox_key
    if folder is None or wanted is None:
        raise Http404
    if not hmac.compare_digest(request.GET.get("key", "").encode(), wanted.encode()):
        raise Refusal(
            HTTPStatus.FORBIDDEN, "key-missing", "Open the mailbox by the link that 'pillion up' prints."
        )
    if "letter" not in request.GET:
        return _page(request, "pillion/mailbox.html", {"letters": mailbox.letters(folder)})
    letter = mailbox.letter(folder, request.GET["letter"])
    if letter is None:
        raise Http404
    return _page(request, "pillion/letter.html", {"letter": letter, "text": _linked(letter.text)})


def _page(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    response = render(request, template, {"key": settings.PILLION.mailbox_key, **context})
    response["Referrer-Policy"] = "no-referrer"
    return response


def _linked(text: str) -> SafeString:
    linked = _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))
    return mark_safe(linked)  # noqa: S308 - escaped a line above
