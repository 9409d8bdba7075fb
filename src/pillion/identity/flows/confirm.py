"""Proving once more who one is, before a step that a borrowed browser or a stolen cookie must not take.

The session's key stays as it is: it was made at the sign-in, and requests of other tabs that are under way with it
would be told that their session has ended.
"""

from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import issue, limits, passwords, proof, sessions
from pillion.identity.models import User
from pillion.identity.refusal import Refusal, not_signed_in
from pillion.identity.turn import turn
from pillion.identity.visit import session_of

FIELDS: Final = ("password",)


def require_recent(request: HttpRequest) -> None:
    """Raise Refusal (403) unless the person of the session proved themselves within the last five minutes."""
    if not proof.is_recent(dict(request.session.items()), timezone.now()):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "confirm-first",
            "Confirm first that it is you: send your password to /account/confirm, then do this again.",
        )


def confirm(request: HttpRequest, user: User, password: str) -> str:
    """Note that `user`, who is signed in, has just proven themselves; gives a token that says so.

    Raises Refusal: 400 without a password, 403 when it is wrong, 429 after too many tries, 503 when too many
    people prove themselves at once.
    """
    if not password:
        missing = "Enter your password."
        raise Refusal(HTTPStatus.BAD_REQUEST, "missing-fields", missing, errors={"password": missing})
    tried = limits.try_password(request, user.email)
    with turn():
        if len(password) > passwords.LONGEST or not get_adapter(request).reauthenticate(user, password):
            raise Refusal(HTTPStatus.FORBIDDEN, "wrong-password", "The password is wrong.")
    tried.give_back()
    reauthenticate_by_password(request)
    return proven(request, user)


def proven(request: HttpRequest, user: User) -> str:
    """Write down what allauth has just recorded, and give a token whose `auth_time` and `amr` say it."""
    session = session_of(request)
    session[AUTHENTICATION_METHODS_SESSION_KEY] = proof.without_older(dict(session.items()))
    now = timezone.now()
    try:
        with transaction.atomic():
            session.save()
            row = session.row
            if row is None or not sessions.may_have_token(
                row.sid, row.tokens_until, now, settings.PILLION.token_lifetime
            ):
                raise UpdateError  # noqa: TRY301 - as `save` does
    except UpdateError:  # it was revoked while the password was looked at
        session.flush()
        raise not_signed_in("The session has ended.") from None
    return issue.token(user, row)
