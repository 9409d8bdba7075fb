"""`/oauth2/userinfo` (OpenID Connect Core, section 5.3): what a client may know of the user of its token."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from pillion.identity import bearer, links
from pillion.identity.oauth import claims_of_user, live_token, scopes
from pillion.identity.refusal import Refusal, not_signed_in
from pillion.identity.views.only import only


@only("GET", "POST", "OPTIONS")
def view(request: HttpRequest) -> HttpResponse:
    """Answer for a token of the mesh with the scope `openid`."""
    if request.method == "OPTIONS":  # a page of another origin asks first, since it sends Authorization
        response = HttpResponse(status=HTTPStatus.NO_CONTENT)
        response["Access-Control-Allow-Methods"] = "GET, POST"
        response["Access-Control-Allow-Headers"] = "authorization"
        response["Access-Control-Max-Age"] = "600"
    else:
        response = JsonResponse(_claims(request.headers.get("Authorization", "")))
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _claims(authorization: str) -> dict[str, object]:
    if not authorization:
        raise not_signed_in("Send a token.")
    claims = live_token.read(bearer.token_in(authorization))
    if claims is None or claims["aud"] != settings.PILLION.mesh:
        raise not_signed_in("The token is not good here.", error="invalid_token")
    session = live_token.live_session(claims)
    if session is None or session.user is None:
        raise not_signed_in("The session has ended.", error="invalid_token")
    scope = str(claims["scope"])
    if scopes.OPENID not in scope.split():
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "insufficient-scope",
            "The token has not the scope openid.",
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="openid"'},
        )
    return claims_of_user.of(session.user, scope, proven=links.is_proven(session.user))
