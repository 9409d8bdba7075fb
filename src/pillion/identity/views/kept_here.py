"""Pages by which accounts are looked after here; where a users service keeps them, there are none."""

from functools import wraps
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from pillion.identity.refusal import Refusal
from pillion.identity.views.only import View


def kept_here(view: View) -> View:
    """Refuse with 404 where accounts are kept elsewhere, also who follows a link that was mailed before."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if settings.PILLION.users is not None:
            raise Refusal(
                HTTPStatus.NOT_FOUND,
                "accounts-elsewhere",
                "Accounts are looked after elsewhere: where you have got yours.",
            )
        return view(request)

    return checked
