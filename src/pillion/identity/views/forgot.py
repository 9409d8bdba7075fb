"""`/account/forgot` asks for a mail with a link; `/account/reset` is where that link leads."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from pillion.identity import answers, body, links
from pillion.identity.flows.forgot import ASK_FIELDS, FIELDS, ask, require_mail, reset
from pillion.identity.refusal import Refusal
from pillion.identity.views.by_link import by_link
from pillion.identity.views.done import done_page
from pillion.identity.views.form_page import form_page
from pillion.identity.views.mailed import mailed
from pillion.identity.views.only import only
from pillion.vocabulary import SIGN_IN_PATH


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """Show the form, or have the mail sent: the answer is the same whether there is an account or not."""
    require_mail()
    if request.method != "POST":
        return form_page(request, "pillion/forgot.html")
    email = body.fields(request, ASK_FIELDS).get("email", "")
    try:
        address = ask(request, email, "reset")
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(request, "pillion/forgot.html", email=email, refusal=refusal)
    return mailed(request, address, "forgot")


@only("GET", "POST")
@by_link("/account/forgot")
def reset_view(request: HttpRequest) -> HttpResponse:
    """Show the form to a person with a good link, or set the password."""
    require_mail()
    if request.method != "POST":
        key = request.GET.get("key", "")
        return form_page(request, "pillion/reset.html", key=key, email=links.reset(key).email)
    given = body.fields(request, FIELDS)
    key = given.get("key", "")
    here = request.user.pk  # read before its session ends
    try:
        user = reset(request, key, given.get("password", ""))
    except Refusal as refusal:
        if refusal.status == HTTPStatus.GONE or not answers.wants_page(request):
            raise
        return form_page(
            request, "pillion/reset.html", key=key, email=links.reset(key).email, refusal=refusal
        )
    response = _done(request)
    if here == user.id:
        request.session.flush()
        answers.delete_cookies(response)
    return response


def _done(request: HttpRequest) -> HttpResponse:
    if not answers.wants_page(request):
        response = HttpResponse(status=204)
        del response["Content-Type"]
        return response
    words = "All sessions were ended. Sign in with the new password."
    return done_page(request, "Your password is changed", words, way="Sign in", to=SIGN_IN_PATH)
