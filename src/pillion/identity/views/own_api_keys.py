"""`/account/api-keys`: keys for programs of one's own; `…/add` is the form for one, `…/revoke` ends one."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity import answers, api_keys, body
from pillion.identity.flows import own_api_keys as flow
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.whose import confirmed, lead, signed_in

_PATH = "/account/api-keys"


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """List the user's keys; or make one, which this answer alone shows."""
    return _make(request) if request.method == "POST" else _list(request)


@only("GET")
@confirmed
def add(request: HttpRequest, user: User) -> HttpResponse:  # noqa: ARG001 - `confirmed` gives it
    """Show the form for a new key."""
    return _form(request, {"days": str(flow.DEFAULT_DAYS)})


@only("POST")
@signed_in
def revoke(request: HttpRequest, user: User) -> HttpResponse:
    """Revoke the key that is named: to have less may anybody do who holds the session."""
    flow.revoke(request, user, body.fields(request, flow.ID_FIELDS).get("id", ""))
    if answers.wants_page(request):
        return lead(_PATH)
    response = HttpResponse(status=HTTPStatus.NO_CONTENT)
    del response["Content-Type"]
    return response


@signed_in
def _list(request: HttpRequest, user: User) -> HttpResponse:
    found = flow.own_api_keys(user)
    if answers.wants_page(request):
        return form_page(request, "pillion/api_keys.html", keys=found)
    return JsonResponse({"api_keys": [key.document() for key in found]})


@confirmed
def _make(request: HttpRequest, user: User) -> HttpResponse:
    given = body.fields(request, flow.FIELDS)
    try:
        made = flow.make(request, user, given)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return _form(request, given, refusal)
    if answers.wants_page(request):
        return form_page(request, "pillion/api_key_made.html", made=made, name=given["name"].strip())
    return JsonResponse(made.document(), status=HTTPStatus.CREATED)


def _form(request: HttpRequest, given: dict[str, str], refusal: Refusal | None = None) -> HttpResponse:
    return form_page(
        request,
        "pillion/api_key_add.html",
        refusal=refusal,
        given=given,
        offered=[str(days) for days in flow.OFFERED_DAYS],
        longest_name=api_keys.LONGEST_NAME,
    )
