"""`/account/sessions`: what is signed in where; `…/end` ends it."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity import answers, body
from pillion.identity.flows.own_sessions import FIELDS, end, own_sessions
from pillion.identity.models import User
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.whose import lead, signed_in
from pillion.vocabulary import SIGN_IN_PATH

_PATH = "/account/sessions"


@only("GET")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """List the sessions of the user."""
    found = own_sessions(request, user)
    if answers.wants_page(request):
        return form_page(request, "pillion/sessions.html", sessions=found)
    return JsonResponse({"sessions": [session.document() for session in found]})


@only("POST")
@signed_in
def end_view(request: HttpRequest, user: User) -> HttpResponse:
    """End the session that is named, or `all`."""
    ended_here = end(request, user, body.fields(request, FIELDS).get("session", ""))
    if answers.wants_page(request):
        response = lead(SIGN_IN_PATH if ended_here else _PATH)
    else:
        response = HttpResponse(status=204)
        del response["Content-Type"]
    if ended_here:
        answers.delete_cookies(response)
    return response
