"""Signing out: the session is revoked, so that its tokens can be refused from now on."""

from collections.abc import Iterator
from uuid import UUID

from allauth.account.internal.flows.logout import logout
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import bearer, sessions
from pillion.identity.models import Session
from pillion.identity.refusal import Refusal


def sign_out(request: HttpRequest) -> None:
    """End the session of this request, by whatever it is named: its cookie, or a token of it.

    Nothing happens when there is none, or it has ended already. Raises Refusal (401) for an Authorization header
    without a good token: its sender would believe to be signed out.
    """
    authorization = request.headers.get("Authorization")
    named = {bearer.in_header(authorization).sid} if authorization else set(_in_token_cookies(request))
    held = {sessions.hash_of(key) for key in _cookies(request, settings.PILLION.cookies.session)} - {None}
    logout(request, show_message=False)
    request.session.flush()
    sessions.revoke(Session.objects.filter(Q(sid__in=named) | Q(key_hash__in=held)), timezone.now())


def _in_token_cookies(request: HttpRequest) -> Iterator[UUID]:
    for token in _cookies(request, settings.PILLION.cookies.token):
        try:
            yield bearer.in_token(token).sid
        except Refusal:  # a stale one
            continue


def _cookies(request: HttpRequest, name: str) -> list[str]:
    """Give every value of a cookie: of two, Django keeps the last, and one may have been planted."""
    pairs = (part.partition("=") for part in request.META.get("HTTP_COOKIE", "").split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]
