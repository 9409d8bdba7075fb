"""`/account/confirm`: a page that asks once more who one is, and what its form or a program posts."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from pillion.identity import answers, body, next_path, passkeys, second_factors
from pillion.identity.flows import provider_confirm
from pillion.identity.flows.confirm import FIELDS, confirm, fresh_token, passkey_options
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.whose import CONFIRM_PATH, lead, signed_in
from pillion.identity.visit import session_of

_PAGE = "pillion/confirm.html"


@only("GET", "POST")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """Show the form, or take the password: a program learns when it was proven, a person is sent on to `next`."""
    if request.method != "POST":
        wanted = request.GET.get("next", "/account")
        return _page(request, user, wanted)
    given = body.fields(request, (*FIELDS, "next"))
    wanted = given.get("next", "/account")
    try:
        token = confirm(request, user, given)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return _page(request, user, wanted, refusal)
    if answers.wants_page(request):
        response = lead(next_path.safe(wanted))
    else:
        response = JsonResponse({"auth_time": int(timezone.now().timestamp())})
    answers.set_token_cookie(response, token)
    return response


def _page(request: HttpRequest, user: User, wanted: str, refusal: Refusal | None = None) -> HttpResponse:
    return form_page(
        request,
        _PAGE,
        wanted=wanted,
        email=user.email,
        refusal=refusal,
        kinds=second_factors.kinds(user),
        password=user.has_usable_password() or settings.PILLION.users is not None,
        confirms=provider_confirm.confirms(user),
    )


@only("POST")
@signed_in
def options(_: HttpRequest, user: User) -> HttpResponse:
    """Say what a browser is to ask for, to confirm by a passkey."""
    return JsonResponse(passkey_options(user))


@only("GET")
@signed_in
def step_up(request: HttpRequest, user: User) -> HttpResponse:
    """Lead a person whom a rule asks for a second factor to where they can show it, or have none yet.

    Has their session shown one already, their token is older than that, and they get another.
    """
    wanted = next_path.safe(request.GET.get("next", ""))
    row = session_of(request).row
    if row is not None and "mfa" in row.amr:
        response = lead(wanted)
        answers.set_token_cookie(response, fresh_token(request, user))
        return response
    if second_factors.kinds(user):
        return lead(CONFIRM_PATH, next=wanted)
    return form_page(
        request,
        "pillion/step_up.html",
        wanted=wanted,
        email=user.email,
        passkeys_usable=passkeys.usable(settings.PILLION),
    )
