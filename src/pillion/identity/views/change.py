"""`/account/password`, `/account/email` and `/account/delete`: for who has proven lately who they are."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity import answers, body
from pillion.identity.flows.change import (
    EMAIL_FIELDS,
    PASSWORD_FIELDS,
    ask_for_email,
    change_password,
    delete_account,
)
from pillion.identity.flows.forgot import require_mail
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.views.done import done_page
from pillion.identity.views.form_page import form_page
from pillion.identity.views.mailed import mailed
from pillion.identity.views.only import only
from pillion.identity.views.whose import confirmed


@only("GET", "POST")
@confirmed
def password(request: HttpRequest, user: User) -> HttpResponse:
    """Show the form, or set another password."""
    page = "pillion/password.html"
    if request.method != "POST":
        return form_page(request, page, email=user.email, first=not user.has_usable_password())
    chosen = body.fields(request, PASSWORD_FIELDS).get("password", "")
    try:
        done = change_password(request, user, chosen)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        first = not user.has_usable_password()
        return form_page(request, page, email=user.email, refusal=refusal, first=first)
    if answers.wants_page(request):
        words = "You stay signed in here. All other sessions were ended."
        response = done_page(
            request, "Your password is changed", words, way="Back to your account", to="/account"
        )
    else:
        response = JsonResponse(done.document())
    answers.set_token_cookie(response, done.token)
    return response


@only("GET", "POST")
@confirmed
def email(request: HttpRequest, user: User) -> HttpResponse:
    """Show the form, or have a link mailed to the new address."""
    require_mail()
    page = "pillion/email.html"
    if request.method != "POST":
        return form_page(request, page, account=user.email)
    wanted = body.fields(request, EMAIL_FIELDS).get("email", "")
    try:
        address = ask_for_email(request, user, wanted)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(request, page, account=user.email, email=wanted, refusal=refusal)
    return mailed(request, address, "email")


@only("GET", "POST")
@confirmed
def delete(request: HttpRequest, user: User) -> HttpResponse:
    """Ask once more, or delete the account."""
    if request.method != "POST":
        return form_page(request, "pillion/delete.html", account=user.email)
    delete_account(request, user)
    response = HttpResponse(status=204)
    if answers.wants_page(request):
        words = "You are signed out everywhere, and nothing of the account is left."
        response = done_page(request, "Your account is deleted", words, way="To the start", to="/")
    else:
        del response["Content-Type"]
    answers.delete_cookies(response)
    return response
