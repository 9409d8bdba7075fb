"""`/account/security`: one's second factors, and adding and removing them."""

from typing import Any

from allauth.mfa.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.safestring import mark_safe

from pillion.identity import answers, body, passkeys
from pillion.identity.flows import security
from pillion.identity.flows.confirm import require_recent
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.only import only
from pillion.identity.views.whose import confirmed, lead, signed_in

PATH = "/account/security"
CODES_PATH = f"{PATH}/recovery-codes"


@only("GET")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """Show what there is: a program gets it as JSON."""
    has = security.overview(user)
    if answers.wants_page(request):
        return _page(request, user, "security")
    return JsonResponse(
        {
            "totp": has.totp is not None,
            "passkeys": [{"id": str(one.pk), "name": one.wrap().name} for one in has.passkeys],
            "recovery_codes_left": has.codes_left,
        }
    )


@only("GET", "POST")
@confirmed
def totp(request: HttpRequest, user: User) -> HttpResponse:
    """Show a key for an app, or take the first code of the app that has it."""
    if request.method != "POST":
        return _totp_page(request, user, security.begin_totp(request, user))
    given = body.fields(request, ("code",))
    try:
        token = security.add_totp(request, user, given.get("code", ""))
    except Refusal as refusal:
        if not answers.wants_page(request) or refusal.code == "no-seed-waits":
            raise
        return _totp_page(request, user, security.seed_to_add(request), refusal)
    return _added(request, user, token)


@only("GET", "POST")
@confirmed
def passkey(request: HttpRequest, user: User) -> HttpResponse:
    """Show the form for a new passkey, or take it."""
    if request.method != "POST":
        security.require_may_add(user)
        return _page(request, user, "passkey_add", kinds=("passkey",))
    given = body.fields(request, ("name", "credential"))
    try:
        token = security.add_passkey(request, user, given.get("name", ""), given.get("credential", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return _page(request, user, "passkey_add", refusal, kinds=("passkey",))
    return _added(request, user, token)


@only("POST")
@signed_in
def passkey_options(request: HttpRequest, user: User) -> HttpResponse:
    """Say what a browser is to make."""
    require_recent(request, user)
    return JsonResponse(security.passkey_options(request, user))


@only("GET", "POST")
@confirmed
def totp_remove(request: HttpRequest, user: User) -> HttpResponse:
    """Ask whether to, or remove one-time codes."""
    if request.method != "POST":
        return _page(request, user, "totp_remove")
    security.remove_totp(request, user)
    return _done(request)


@only("GET", "POST")
@confirmed
def passkey_remove(request: HttpRequest, user: User) -> HttpResponse:
    """Ask which, or remove a passkey."""
    if request.method != "POST":
        return _page(request, user, "passkey_remove")
    security.remove_passkey(request, user, body.fields(request, ("id",)).get("id", ""))
    return _done(request)


@only("GET", "POST")
@confirmed
def recovery_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Show the recovery codes, once; or make new ones, and show those."""
    if request.method == "POST":
        security.new_recovery_codes(request, user)
        if answers.wants_page(request):
            return lead(CODES_PATH)
    codes = [] if request.method == "HEAD" else security.recovery_codes_once(request, user)
    if not answers.wants_page(request):
        return JsonResponse({"recovery_codes": codes})
    return _page(request, user, "recovery_codes", codes=codes)


def _added(request: HttpRequest, user: User, token: str) -> HttpResponse:
    """Lead to the recovery codes, if they came with this second factor, and give the token that says so."""
    response: HttpResponse = JsonResponse({}, status=201)
    if answers.wants_page(request):
        response = lead(CODES_PATH if security.overview(user).codes_new else PATH)
    answers.set_token_cookie(response, token)
    return response


def _done(request: HttpRequest) -> HttpResponse:
    return lead(PATH) if answers.wants_page(request) else HttpResponse(status=204)


def _totp_page(request: HttpRequest, user: User, seed: str, refusal: Refusal | None = None) -> HttpResponse:
    if not answers.wants_page(request):
        return JsonResponse({"secret": seed, "uri": get_adapter().build_totp_url(user, seed)})
    adapter = get_adapter()
    drawn = adapter.build_totp_svg(adapter.build_totp_url(user, seed)).partition("?>")[2]
    in_fours = " ".join(seed[at : at + 4] for at in range(0, len(seed), 4))
    # The drawing is of allauth's making, out of squares.
    return _page(request, user, "totp_add", refusal, qr=mark_safe(drawn), seed=in_fours)  # noqa: S308


def _page(
    request: HttpRequest, user: User, name: str, refusal: Refusal | None = None, **more: Any
) -> HttpResponse:
    return form_page(
        request,
        f"pillion/{name}.html",
        wanted=PATH,
        email=user.email,
        refusal=refusal,
        has=security.overview(user),
        longest_name=security.LONGEST_NAME,
        passkeys_usable=passkeys.usable(settings.PILLION),
        **more,
    )
