"""`/account/confirm`: a page that asks for the password once more, and what its form or a program posts."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from pillion.identity import answers, body, next_path
from pillion.identity.flows.confirm import FIELDS, confirm
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.whose import lead, signed_in

_PAGE = "pillion/confirm.html"


@only("GET", "POST")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """Show the form, or take the password: a program learns when it was proven, a person is sent on to `next`."""
    if request.method != "POST":
        return form_page(request, _PAGE, wanted=request.GET.get("next", "/account"), email=user.email)
    given = body.fields(request, (*FIELDS, "next"))
    wanted = given.get("next", "/account")
    try:
        token = confirm(request, user, given.get("password", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(request, _PAGE, wanted=wanted, email=user.email, refusal=refusal)
    if answers.wants_page(request):
        response = lead(next_path.safe(wanted))
    else:
        response = JsonResponse({"auth_time": int(timezone.now().timestamp())})
    answers.set_token_cookie(response, token)
    return response
