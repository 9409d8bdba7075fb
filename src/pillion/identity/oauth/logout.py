"""`/oauth2/logout`: a program signs somebody out here, too (OpenID Connect RP-Initiated Logout 1.0)."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from pillion.identity import answers, body
from pillion.identity.flows.sign_out import sign_out
from pillion.identity.models import OAuthClient, OAuthGrant, User
from pillion.identity.oauth import grant_sessions, id_token, parameters, redirect
from pillion.identity.oauth.parameters import Parameters
from pillion.identity.refusal import malformed
from pillion.identity.views.only import only
from pillion.identity.visit import row_of
from pillion.vocabulary import LOGOUT_PATH


@only("GET", "POST", head=False)
def view(request: HttpRequest) -> HttpResponse:
    """Sign out at once where an ID token of this user comes along; else ask: any site could have sent them."""
    try:
        if request.method == "POST":
            # As for an authorization request: the cookie comes along with a GET alone.
            query = urlencode(parameters.of_body(request), doseq=True, quote_via=quote)
            response = HttpResponse(status=HTTPStatus.SEE_OTHER)
            response["Location"] = f"{LOGOUT_PATH}?{query}" if query else LOGOUT_PATH
            return response
        found = parameters.of_query(request)
        hint = _hint(found)
        there = _where(found, hint)
    except OAuth2Error as error:
        return redirect.error(request, error, "")
    user = request.user if isinstance(request.user, User) else None
    if user is not None and (hint is None or hint["sub"] != str(user.id)):
        row = row_of(request)
        query = urlencode(found, doseq=True, quote_via=quote)
        return render(request, "pillion/logout.html", {"user": user, "session": row, "request": query})
    return _leave(request, hint, there)


@only("POST")
def confirmed(request: HttpRequest) -> HttpResponse:
    """Take the answer of the page that asks."""
    given = body.fields(request, ("request", "session"))
    try:
        found = parameters.parse(given.get("request", ""))
        hint = _hint(found)
        there = _where(found, hint)
    except OAuth2Error:
        raise malformed("The request cannot be read.") from None
    row = row_of(request)
    if row is not None and given.get("session") != str(row.sid):
        raise malformed("Somebody else is signed in by now.")
    return _leave(request, None, there)


def _hint(found: Parameters) -> dict[str, Any] | None:
    """Read the ID token that says whom the program means; raises InvalidRequestError."""
    given = found.get("id_token_hint", [""])[0]
    hint = id_token.read(given) if given else None
    if given and hint is None:
        raise InvalidRequestError("The id_token_hint is none of ours.")
    named = found.get("client_id", [""])[0]
    if hint is not None and named and named != hint["aud"]:
        raise InvalidRequestError("The id_token_hint is another client's.")
    return hint


def _where(found: Parameters, hint: dict[str, Any] | None) -> str:
    """Give where to go on: only what the client has registered, to the letter; else nothing."""
    wanted = found.get("post_logout_redirect_uri", [""])[0]
    named = str(hint["aud"]) if hint else found.get("client_id", [""])[0]
    client = OAuthClient.objects.filter(client_id=named).first() if named else None
    if not wanted:
        return ""
    if client is None or wanted not in client.post_logout_redirect_uris:
        raise InvalidRequestError("The post_logout_redirect_uri is not one that the client has registered.")
    state = found.get("state", [""])[0]
    return redirect.with_parameters(wanted, {"state": state}) if state else wanted


def _leave(request: HttpRequest, hint: dict[str, Any] | None, there: str) -> HttpResponse:
    if hint is not None:
        mine = OAuthGrant.objects.filter(sub=hint["sub"], client=hint["aud"], session=hint["sid"])
        grant_sessions.end(mine.values_list("session", flat=True))
    sign_out(request)
    response = redirect.lead(request, there) if there else render(request, "pillion/signed_out.html")
    answers.delete_cookies(response)
    return response
