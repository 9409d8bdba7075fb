"""`/me`."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity.flows.who_am_i import who_am_i
from pillion.identity.views.only import only


@only("GET")
def view(request: HttpRequest) -> HttpResponse:
    """Say who is calling, by the token that the edge passes on."""
    return JsonResponse(who_am_i(request.headers.get("Authorization")))
