"""`/sign-out`."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from pillion.identity import answers
from pillion.identity.flows.sign_out import sign_out
from pillion.identity.views.only import only
from pillion.vocabulary import SIGN_IN_PATH


@only("POST")
def view(request: HttpRequest) -> HttpResponse:
    """End the session: 204 for a program, the sign-in page for a person. Both cookies are deleted."""
    sign_out(request)
    response = HttpResponse(status=204)
    del response["Content-Type"]
    if answers.wants_page(request):
        response = HttpResponseRedirect(SIGN_IN_PATH)
        response.status_code = 303
    answers.delete_cookies(response)
    return response
