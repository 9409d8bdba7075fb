"""`/sign-in`: a page, and what its form or a program posts."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse

from pillion.identity import answers, body, next_path
from pillion.identity.flows import passkey_sign_in
from pillion.identity.flows.second_step import SecondFactorRequired
from pillion.identity.flows.sign_in import FIELDS, sign_in
from pillion.identity.flows.signed_in import SignedIn
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.whose import lead

PAGE = "pillion/sign_in.html"
SECOND_STEP_PATH = "/sign-in/second-factor"


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """Show the form, or sign in: a program gets the user, a person is sent on to `next`."""
    if request.method != "POST":
        return form_page(request, PAGE, wanted=request.GET.get("next", ""), kinds=_kinds())
    given = body.fields(request, (*FIELDS, "next"))
    wanted = given.get("next", "")
    try:
        done = sign_in(request, given.get("email", ""), given.get("password", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        if isinstance(refusal, SecondFactorRequired):
            return lead(SECOND_STEP_PATH, next=next_path.safe(wanted))
        email = given.get("email", "")
        return form_page(request, PAGE, wanted=wanted, email=email, refusal=refusal, kinds=_kinds())
    return welcome(request, done, wanted)


def _kinds() -> tuple[str, ...]:
    """Name what signs in without a password."""
    return ("passkey",) if passkey_sign_in.offered() else ()


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
