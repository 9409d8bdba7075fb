"""`/sign-in/second-factor` and `/sign-in/passkey`: the pages' forms, and what a program posts."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity import answers, body, next_path
from pillion.identity.flows import passkey_sign_in, second_step
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.sign_in import PAGE, welcome
from pillion.identity.views.whose import lead
from pillion.vocabulary import SIGN_IN_PATH

_PAGE = "pillion/second_step.html"


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """Show the form, or finish the sign-in; a person whose sign-in does not wait any more begins anew."""
    given = body.fields(request, (*second_step.FIELDS, "next")) if request.method == "POST" else {}
    wanted = given.get("next", "") if request.method == "POST" else request.GET.get("next", "")
    try:
        if request.method == "POST":
            done = second_step.second_step(request, given.get("code", ""), given.get("credential", ""))
            return welcome(request, done, wanted)
        return _page(request, wanted)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return _page(request, wanted, refusal)


def _page(request: HttpRequest, wanted: str, refusal: Refusal | None = None) -> HttpResponse:
    try:
        waiting = second_step.pending(request)
    except Refusal:
        return lead(SIGN_IN_PATH, next=next_path.safe(wanted))
    return form_page(
        request, _PAGE, wanted=wanted, email=waiting.user.email, refusal=refusal, kinds=waiting.kinds
    )


@only("POST")
def options(request: HttpRequest) -> HttpResponse:
    """Say what a browser is to ask for, to finish a sign-in by a passkey."""
    return JsonResponse(second_step.passkey_options(request))


@only("POST")
def passkey(request: HttpRequest) -> HttpResponse:
    """Sign in by a passkey alone."""
    given = body.fields(request, (*passkey_sign_in.FIELDS, "next"))
    wanted = given.get("next", "")
    try:
        done = passkey_sign_in.sign_in_by_passkey(request, given.get("credential", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(request, PAGE, wanted=wanted, refusal=refusal, kinds=("passkey",))
    return welcome(request, done, wanted)


@only("POST")
def any_passkey_options(request: HttpRequest) -> HttpResponse:
    """Say what a browser is to ask for, to sign in by a passkey alone."""
    return JsonResponse(passkey_sign_in.options(request))
