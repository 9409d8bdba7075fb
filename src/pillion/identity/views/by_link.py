"""What the pages have in common to which links in mails lead: a dead one has a page that sends another."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import answers
from pillion.identity.refusal import Refusal
from pillion.identity.views.only import View


def by_link(again: str) -> Callable[[View], View]:
    """Show a person whose link is dead where to ask for another one: the form there posts to `again`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest) -> HttpResponse:
            try:
                return view(request)
            except Refusal as refusal:
                if refusal.status != HTTPStatus.GONE or not answers.wants_page(request):
                    raise
                context = {"refusal": refusal, "again": again}
                return render(request, "pillion/expired.html", context, status=refusal.status)

        return checked

    return decorate
