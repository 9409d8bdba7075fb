"""`POST /sign-in` with JSON, as programs and scripts of pages send it: before Django's handler, as renewals are.

The flow, the refusals and the session are those of `views.sign_in`, which answers forms and shows the page.
"""

import json
from typing import Any, Final

from allauth.core import context
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from pillion.identity import answers, body
from pillion.identity.flows.second_step import SecondFactorRequired
from pillion.identity.flows.sign_in import FIELDS, sign_in
from pillion.identity.middleware.page_headers import HEADERS, page_headers
from pillion.identity.middleware.refusals import refusal_of
from pillion.identity.middleware.same_origin import is_ours
from pillion.identity.session_store import SessionStore
from pillion.identity.visit import session_of
from pillion.vocabulary import SIGN_IN_PATH

Answer = tuple[str, list[tuple[str, str]], bytes]

_ALWAYS: Final = [("Content-Type", body.JSON), *HEADERS.items(), ("Vary", "Cookie")]


def is_one(environ: dict[str, Any]) -> bool:
    """Tell whether a request is one; what another site sends is left to Django, to be refused."""
    return (
        environ["PATH_INFO"] == SIGN_IN_PATH
        and environ["REQUEST_METHOD"] == "POST"
        and environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() == body.JSON
        and is_ours(environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE"))
    )


def answer(environ: dict[str, Any]) -> Answer:
    """Give the status, the headers and the body of the answer; raises ValueError if the headers cannot be read."""
    request = WSGIRequest(environ)
    # Programs seldom bring one; Django would look through none, too.
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME) if "HTTP_COOKIE" in environ else None
    request.session = SessionStore(cookie)
    with context.request_context(request):
        try:
            given = body.read(request, environ["wsgi.input"].read(), (*FIELDS, "next"))
            done = sign_in(request, given.get("email", ""), given.get("password", ""))
        except Exception as error:  # noqa: BLE001 - as Django's handler does
            return _refused(request, error)
    cookies = settings.PILLION.cookies
    token = cookies.set(cookies.token, done.token, settings.PILLION.token_lifetime)
    content = json.dumps(done.document()).encode()
    length = ("Content-Length", str(len(content)))
    return "200 OK", [*_ALWAYS, length, _session_cookie(request), ("Set-Cookie", token)], content


def _refused(request: HttpRequest, error: Exception) -> Answer:
    """Answer with a problem."""
    response = page_headers(lambda request: answers.refuse(request, refusal_of(request, error)))(request)
    headers = [*response.items()]
    if isinstance(error, SecondFactorRequired):  # the second step finds the first by its cookie
        headers += [("Vary", "Cookie"), _session_cookie(request)]
    return f"{response.status_code} {response.reason_phrase}", headers, response.content


def _session_cookie(request: HttpRequest) -> tuple[str, str]:
    cookies, session = settings.PILLION.cookies, session_of(request)
    key = session.session_key or ""
    return "Set-Cookie", cookies.set(cookies.session, key, session.get_session_cookie_age())
