"""`/pillion/mail`: the local mailbox, on a laptop alone, for who has the key that `pillion up` prints.

Whoever reads it can take over every account. So there is a key, although only this machine reaches the edge: other
users of it do as well, and so does the world where a tunnel or a proxy leads to it.
"""

import hmac
import re
from http import HTTPStatus
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from pillion.identity.mail import mailbox
from pillion.identity.refusal import Refusal
from pillion.identity.views.only import only
from pillion.identity.views.whose import lead
from pillion.vocabulary import MAILBOX_PATH

_COOKIE: Final = "pillion-mailbox"
_LINK: Final = re.compile(r"https?://[^\s<>&]+(?:&amp;[^\s<>&]+)*")


@only("GET")
def view(request: HttpRequest) -> HttpResponse:
    """List the mails, the latest first."""
    folder = _folder()
    if "key" in request.GET:
        response = lead(MAILBOX_PATH)
        if _fits(request.GET["key"]):
            response.set_cookie(
                _COOKIE,
                request.GET["key"],
                path=MAILBOX_PATH,
                httponly=True,
                samesite="Lax",
                secure=settings.PILLION.secure,
            )
        return response
    _require_key(request)
    return render(request, "pillion/mailbox.html", {"letters": mailbox.letters(folder)})


def letter_view(request: HttpRequest, name: str) -> HttpResponse:
    """Show one mail, its links as links."""
    return only("GET")(lambda request: _letter(request, name))(request)


def _letter(request: HttpRequest, name: str) -> HttpResponse:
    folder = _folder()
    _require_key(request)
    letter = mailbox.letter(folder, name)
    if letter is None:
        raise Http404
    return render(request, "pillion/letter.html", {"letter": letter, "text": _linked(letter.text)})


def _folder() -> Path:
    folder: Path | None = settings.PILLION.mailbox
    if folder is None:
        raise Http404
    return folder


def _require_key(request: HttpRequest) -> None:
    # A page of another site may neither lead here nor look: its request carries the cookie, too.
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"} or not _fits(
        request.COOKIES.get(_COOKIE, "")
    ):
        raise Refusal(
            HTTPStatus.FORBIDDEN, "key-missing", "Open the mailbox by the link that 'pillion up' prints."
        )


def _fits(key: str) -> bool:
    return hmac.compare_digest(key.encode(), (settings.PILLION.mailbox_key or "").encode())


def _linked(text: str) -> SafeString:
    linked = _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', escape(text))
    return mark_safe(linked)  # noqa: S308 - escaped a line above
