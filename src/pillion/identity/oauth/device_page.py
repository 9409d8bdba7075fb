"""`/oauth2/device`: where somebody types what a device shows, and allows it."""

from http import HTTPStatus
from urllib.parse import quote, urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from pillion.identity import body, limits
from pillion.identity.models import OAuthDeviceCode, User
from pillion.identity.oauth import device_grant, hashes, scopes
from pillion.identity.refusal import Refusal
from pillion.identity.views.only import only
from pillion.identity.visit import row_of
from pillion.vocabulary import DEVICE_PATH, SIGN_IN_PATH

_UNKNOWN = "No device waits with this code. Look at it again; a code is good for ten minutes."


@only("GET", "POST")
def view(request: HttpRequest) -> HttpResponse:
    """Ask for the code, then for a decision; a link that holds the code leads to the second page."""
    typed = request.GET.get("user_code", "")[:40]
    user = request.user
    if not isinstance(user, User):
        there = f"{DEVICE_PATH}?{urlencode({'user_code': typed}, quote_via=quote)}" if typed else DEVICE_PATH
        response = HttpResponse(status=HTTPStatus.SEE_OTHER)
        response["Location"] = f"{SIGN_IN_PATH}?{urlencode({'next': there})}"
        return response
    given = body.fields(request, ("user_code", "decision", "session")) if request.method == "POST" else {}
    typed = given.get("user_code", typed)
    if not typed:
        return _form(request, "")
    tried = limits.try_user_code(request, user.email)
    code = _find(typed)
    if code is None:
        return _form(request, typed, Refusal(HTTPStatus.NOT_FOUND, "user-code-unknown", _UNKNOWN))
    tried.give_back()
    row = row_of(request)
    # The page was shown to who has this session, and to nobody else.
    if row is None or given.get("session") != str(row.sid) or "decision" not in given:
        return _ask(request, code, typed)
    approved = given["decision"] == "allow"
    decided = OAuthDeviceCode.objects.filter(device_hash=code.device_hash, approved=None)
    decided.update(approved=approved, parent=row)
    return render(request, "pillion/device_done.html", {"client": code.client, "approved": approved})


def _find(typed: str) -> OAuthDeviceCode | None:
    normal = device_grant.normal(typed)
    if len(normal) != device_grant.LETTERS_OF_A_CODE:
        return None
    waiting = OAuthDeviceCode.objects.filter(approved=None, expires_at__gt=timezone.now())
    found = waiting.filter(user_code_hash=hashes.of_user_code(normal))
    return found.select_related("client").first()


def _form(request: HttpRequest, typed: str, refusal: Refusal | None = None) -> HttpResponse:
    context = {"typed": typed, "refusal": refusal}
    return render(request, "pillion/device.html", context, status=refusal.status if refusal else 200)


def _ask(request: HttpRequest, code: OAuthDeviceCode, typed: str) -> HttpResponse:
    normal = device_grant.normal(typed)
    asked = code.scope.split()
    context = {
        "client": code.client,
        "user": request.user,
        "session": row_of(request),
        "code": f"{normal[:4]}-{normal[4:]}",
        "known": [scopes.KNOWN[scope] for scope in asked if scope in scopes.KNOWN],
        "others": [scope for scope in asked if scope not in scopes.KNOWN],
        "mesh": settings.PILLION.mesh,
        "acts": settings.PILLION.mesh in code.audiences,
        "elsewhere": [one for one in code.audiences if one != settings.PILLION.mesh],
    }
    return render(request, "pillion/device_ask.html", context)
