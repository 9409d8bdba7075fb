"""`/sign-up`: a page, and what its form or a program posts."""

from django.http import HttpRequest, HttpResponse

from pillion.identity import answers, body
from pillion.identity.flows.sign_up import FIELDS, require_open, sign_up
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.mailed import mailed
from pillion.identity.views.only import only
from pillion.identity.views.sign_in import welcome

_PAGE = "pillion/sign_up.html"


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """Show the form, or make the account: a program gets the user, a person is sent on to `next`."""
    require_open(request)
    if request.method != "POST":
        return form_page(request, _PAGE, wanted=request.GET.get("next", ""))
    given = body.fields(request, (*FIELDS, "next"))
    try:
        done = sign_up(request, given.get("email", ""), given.get("password", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(
            request, _PAGE, wanted=given.get("next", ""), email=given.get("email", ""), refusal=refusal
        )
    if done is None:
        return mailed(request, given.get("email", ""), "sign-up")
    return welcome(request, done, given.get("next", ""))
