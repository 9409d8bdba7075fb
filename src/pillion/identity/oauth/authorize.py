"""`/oauth2/authorize` and `/oauth2/consent`: where other programs send people, to come back signed in."""

import time
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, OAuth2Error
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import body, limits, next_path
from pillion.identity.models import User
from pillion.identity.oauth import authorization, parameters, redirect, scopes
from pillion.identity.oauth.authorization import Authorization
from pillion.identity.oauth.parameters import Parameters
from pillion.identity.refusal import malformed
from pillion.identity.views.only import only
from pillion.identity.views.whose import CONFIRM_PATH
from pillion.vocabulary import AUTHORIZE_PATH, SIGN_IN_PATH, STEP_UP_PATH

# A query travels in another one's `next`, where each of its characters may take three.
_LONGEST: Final = next_path.LONGEST - len(AUTHORIZE_PATH) - 100


@only("GET", "POST", head=False)
def view(request: HttpRequest) -> HttpResponse:
    """Answer the client by a code, after somebody has signed in and, if need be, consented."""
    try:
        if request.method == "POST":
            # From another site a browser brings no cookie along: with the same request as a GET it does.
            return _see(AUTHORIZE_PATH, _query(parameters.of_body(request)))
        found = parameters.of_query(request)
    except OAuth2Error as error:
        return redirect.error(request, error, "")
    return _answer(request, found)


@only("POST")
def consent(request: HttpRequest) -> HttpResponse:
    """Take what somebody has decided on the page; the request is judged once more, as if it had just come."""
    given = body.fields(request, ("request", "session", "decision"))
    try:
        found = parameters.parse(given.get("request", ""))
    except OAuth2Error:
        raise malformed("The request cannot be read.") from None
    return _answer(request, found, given)


def _answer(request: HttpRequest, found: Parameters, decided: dict[str, str] | None = None) -> HttpResponse:
    state = found.get("state", [""])[0]
    try:
        asked = authorization.read(request, found)
        if asked.must_sign_in():
            path = SIGN_IN_PATH if asked.wants_another() else CONFIRM_PATH
            return _prove(path, asked, found)
        if asked.must_step_up():
            return _prove(STEP_UP_PATH, asked, found)
        # The page was shown to who has this session, and to nobody else.
        mine = decided is not None and decided.get("session") == str(asked.session and asked.session.sid)
        if asked.must_consent() and not mine:
            return _ask(request, asked, found)
        if decided is not None and mine and decided.get("decision") != "allow":
            raise AccessDeniedError(redirect_uri=asked.redirect_uri)
        if decided is not None and mine:
            asked.remember_consent()
        return _grant(request, asked, state)
    except OAuth2Error as error:
        return redirect.error(request, error, state)


def _grant(request: HttpRequest, asked: Authorization, state: str) -> HttpResponse:
    if not isinstance(asked.user, User):
        raise InvalidRequestError("Nobody is signed in.")
    limits.open_session(request, asked.user.email)  # each leaves a session, of which the Envoys may be told
    code = asked.grant.generate_authorization_code()
    asked.grant.save_authorization_code(code, asked.request)
    return redirect.back(request, asked.redirect_uri, {"code": code, "state": state})


def _prove(path: str, asked: Authorization, found: Parameters) -> HttpResponse:
    """Lead to where somebody proves who they are, and from there to the same request, which is content then.

    Who is signed in confirms it, and stays signed in to other programs; unless somebody else is wanted.
    """
    prompts = [one for one in found.get("prompt", [""])[0].split() if one not in {"login", "select_account"}]
    again = {name: values for name, values in found.items() if name not in {"prompt", authorization.SINCE}}
    if prompts:
        again["prompt"] = [" ".join(prompts)]
    again[authorization.SINCE] = [str(int(time.time()))]
    query = _query(again)
    if len(query) > _LONGEST:
        raise InvalidRequestError("The request is too long.", redirect_uri=asked.redirect_uri)
    return _see(path, urlencode({"next": f"{AUTHORIZE_PATH}?{query}"}))


def _ask(request: HttpRequest, asked: Authorization, found: Parameters) -> HttpResponse:
    known = [scopes.KNOWN[scope] for scope in asked.scopes if scope in scopes.KNOWN]
    context = {
        "client": asked.client,
        "user": asked.user,
        "session": asked.session,
        "request": _query(found),
        "known": known,
        "others": [scope for scope in asked.scopes if scope not in scopes.KNOWN],
        "mesh": settings.PILLION.mesh,
        "acts": settings.PILLION.mesh in asked.audiences,
        "elsewhere": [one for one in asked.audiences if one != settings.PILLION.mesh],
    }
    return render(request, "pillion/consent.html", context)


def _query(found: Parameters) -> str:
    return urlencode(found, doseq=True, quote_via=quote)


def _see(path: str, query: str) -> HttpResponse:
    response = HttpResponse(status=HTTPStatus.SEE_OTHER)
    response["Location"] = f"{path}?{query}"
    return response
