"""`/sign-in`: a page, and what its form or a program posts."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from pillion.identity import answers, body, next_path
from pillion.identity.flows.sign_in import FIELDS, sign_in
from pillion.identity.flows.signed_in import SignedIn
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only

_PAGE = "pillion/sign_in.html"


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """Show the form, or sign in: a program gets the user, a person is sent on to `next`."""
    if request.method != "POST":
        return form_page(request, _PAGE, wanted=request.GET.get("next", ""))
    given = body.fields(request, (*FIELDS, "next"))
    try:
        done = sign_in(request, given.get("email", ""), given.get("password", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(
            request, _PAGE, wanted=given.get("next", ""), email=given.get("email", ""), refusal=refusal
        )
    return welcome(request, done, given.get("next", ""))


def welcome(request: HttpRequest, done: SignedIn, wanted: str) -> HttpResponse:
    """Answer a sign-in that succeeded, with the token's cookie (the session's is set by Django)."""
    response: HttpResponse
    if answers.wants_page(request):
        response = HttpResponseRedirect(next_path.safe(wanted))
        response.status_code = 303
    else:
        response = JsonResponse(done.document())
    answers.set_token_cookie(response, done.token)
    return response
