"""`/sign-in/with/NAME`: to a provider and back; and `/account/providers`, those that an account is linked to."""

from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from pillion.identity import answers, body, links, next_path, provider_links
from pillion.identity.flows import provider_confirm, provider_link, provider_sign_in, provider_visit
from pillion.identity.flows.second_step import SecondFactorRequired
from pillion.identity.models import User
from pillion.identity.oauth.redirect import lead as lead_elsewhere
from pillion.identity.providers import known
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person
from pillion.identity.refusal import Refusal
from pillion.identity.views.form_page import form_page
from pillion.identity.views.mailed import mailed
from pillion.identity.views.only import only
from pillion.identity.views.sign_in import SECOND_STEP_PATH, welcome
from pillion.identity.views.whose import CONFIRM_PATH, confirmed, lead, signed_in
from pillion.vocabulary import SIGN_IN_PATH

PATH: Final = "/account/providers"
_BACK_TO: Final = {"sign-in": SIGN_IN_PATH, "link": PATH, "confirm": CONFIRM_PATH, "verify": SIGN_IN_PATH}


@only("POST")
def begin(request: HttpRequest, name: str) -> HttpResponse:
    """Send somebody to a provider, to sign in by it."""
    provider = known.named(name)
    wanted = next_path.safe(body.fields(request, ("next",)).get("next", ""))
    return _send(request, provider, Attempt(provider.name, "sign-in", next=wanted))


@only("GET", head=False)
def callback(request: HttpRequest, name: str) -> HttpResponse:
    """Take the answer that the provider sent somebody back with."""
    provider = known.named(name)
    attempt = None
    try:
        answer = provider_visit.answer_of(request)
        attempt = provider_visit.end_visit(request, provider, answer)
        if attempt.purpose in {"link", "confirm"}:
            provider_visit.require_same(request, attempt)
        person = provider_visit.ask_who(provider, attempt, answer)
        return _come_back(request, provider, attempt, person)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        if isinstance(refusal, SecondFactorRequired):
            return lead(SECOND_STEP_PATH, next=attempt.next if attempt else "/")
        return _refused(request, provider, attempt, refusal)


@only("GET")
@signed_in
def view(request: HttpRequest, user: User) -> HttpResponse:
    """Show by which providers the account is signed in to, and which could be added."""
    linked = provider_links.of_user(user)
    if answers.wants_page(request):
        has = {one.provider.name for one in linked if one.provider is not None}
        return form_page(
            request,
            "pillion/providers.html",
            linked=linked,
            addable=[one for one in known.all_of_them() if one.name not in has],
            password=user.has_usable_password(),
        )
    shown = [
        {"id": str(one.link.pk), "provider": one.provider and one.provider.name, "email": one.email or None}
        for one in linked
    ]
    return JsonResponse({"linked": shown, "providers": [one.name for one in known.all_of_them()]})


@only("GET", "POST")
@confirmed
def add(request: HttpRequest, user: User) -> HttpResponse:
    """Send somebody to a provider, to add it; who had to confirm first finds the button again."""
    if request.method != "POST":
        return lead(PATH)
    provider = known.named(body.fields(request, ("provider",)).get("provider", ""))
    return _send(request, provider, Attempt(provider.name, "link", next=PATH, user=str(user.id)))


@only("GET", "POST")
@confirmed
def remove(request: HttpRequest, user: User) -> HttpResponse:
    """Ask which, or remove a provider from the account."""
    page = "pillion/provider_remove.html"
    if request.method != "POST":
        return form_page(request, page, linked=provider_links.of_user(user))
    try:
        provider_link.unlink(request, user, body.fields(request, ("id",)).get("id", ""))
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return form_page(request, page, linked=provider_links.of_user(user), refusal=refusal)
    return lead(PATH) if answers.wants_page(request) else _nothing()


@only("POST")
@signed_in
def confirm(request: HttpRequest, user: User) -> HttpResponse:
    """Send somebody to a provider, to prove once more that it is them."""
    given = body.fields(request, ("provider", "next"))
    provider = known.named(given.get("provider", ""))
    provider_confirm.require_confirms(user, provider)
    wanted = next_path.safe(given.get("next", "/account"))
    return _send(request, provider, Attempt(provider.name, "confirm", next=wanted, user=str(user.id)))


@only("POST")
def verify(request: HttpRequest) -> HttpResponse:
    """Send somebody to a provider, to show that the account whose mail they read is theirs."""
    given = body.fields(request, ("provider", "key"))
    provider, key = known.named(given.get("provider", "")), given.get("key", "")
    links.proof(key)
    return _send(request, provider, Attempt(provider.name, "verify", next="/", key=key))


def _come_back(request: HttpRequest, provider: Provider, attempt: Attempt, person: Person) -> HttpResponse:
    if attempt.purpose in {"link", "confirm"} and isinstance(request.user, User):
        response = lead(attempt.next)
        if attempt.purpose == "link":
            provider_link.link(request, request.user, provider, person)
        else:
            token = provider_confirm.confirm(request, request.user, provider, person, attempt)
            answers.set_token_cookie(response, token)
        return response
    if attempt.purpose == "verify":
        provider_confirm.verify(request, attempt.key, provider, person)
    done = provider_sign_in.sign_in(request, provider, person)
    if isinstance(done, provider_sign_in.Mailed):
        return mailed(request, done.address, "sign-up")
    return welcome(request, done, attempt.next)


def _send(request: HttpRequest, provider: Provider, attempt: Attempt) -> HttpResponse:
    try:
        where = provider_visit.begin_visit(request, provider, attempt)
    except Refusal as refusal:
        if not answers.wants_page(request):
            raise
        return _refused(request, provider, attempt, refusal)
    if answers.wants_page(request):
        return lead_elsewhere(request, where)
    return JsonResponse({"location": where})


def _refused(
    request: HttpRequest, provider: Provider, attempt: Attempt | None, refusal: Refusal
) -> HttpResponse:
    """Say what went wrong, with the way back to where it began."""
    purpose = attempt.purpose if attempt else "sign-in"
    context = {
        "refusal": refusal,
        "provider": provider,
        "purpose": purpose,
        "back": _BACK_TO[purpose],
        "next": attempt.next if attempt else "/",
    }
    response = render(request, "pillion/provider_refused.html", context, status=refusal.status)
    for name, value in refusal.headers.items():
        response[name] = value
    return response


def _nothing() -> HttpResponse:
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response
