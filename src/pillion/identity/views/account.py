"""`/account/`: who you are."""

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from pillion.identity import answers
from pillion.identity.refusal import not_signed_in
from pillion.identity.views.only import only
from pillion.identity.visit import session_of
from pillion.vocabulary import SIGN_IN_PATH


@only("GET")
def view(request: HttpRequest) -> HttpResponse:
    """Show the account of the session's user; without a session, lead to the sign-in page."""
    if request.user.is_authenticated:
        row = session_of(request).row
        return render(
            request,
            "pillion/account.html",
            {"user": request.user, "session": row, "mesh": settings.PILLION.mesh},
        )
    if not answers.wants_page(request):
        raise not_signed_in("Nobody is signed in.")
    response = HttpResponseRedirect(f"{SIGN_IN_PATH}?{urlencode({'next': '/account/'})}")
    response.status_code = 303
    return response
