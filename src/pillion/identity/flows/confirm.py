"""Proving once more who one is, before a step that a borrowed browser or a stolen cookie must not take.

The session's key stays as it is: it was made at the sign-in, and requests of other tabs that are under way with it
would be told that their session has ended.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import issue, limits, passwords, proof, second_factors, sessions
from pillion.identity.flows.second_step import missing_code
from pillion.identity.models import User
from pillion.identity.refusal import Refusal, not_signed_in
from pillion.identity.turn import turn
from pillion.identity.users_service.sign_in import UsersUnavailable
from pillion.identity.visit import session_of

FIELDS: Final = ("password", "code", "credential")


def require_recent(request: HttpRequest, user: User) -> None:
    """Raise Refusal (403) unless the person of the session proved themselves within the last five minutes.

    Who has a second factor does so by that: a password that somebody has found out is not to take it away.
    """
    data, now = dict(request.session.items()), timezone.now()
    if second_factors.kinds(user):
        recent, what = proof.second_factor_is_recent(data, now), "a code of your second factor"
    else:
        recent = proof.is_recent(data, now, unasked=not user.has_usable_password())
        what = "your password"
    if not recent:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "confirm-first",
            f"Confirm first that it is you: send {what} to /account/confirm, then do this again.",
        )


def confirm(request: HttpRequest, user: User, given: Mapping[str, str]) -> str:
    """Note that `user`, who is signed in, has just proven themselves by one of FIELDS; gives a token that says so.

    Raises Refusal: 400 without any, 403 when it is wrong, or is a password where there is a second factor; 429
    after too many tries, 503 when too many people prove themselves at once.
    """
    if not (kinds := second_factors.kinds(user)):
        return _by_password(request, user, given.get("password", ""))
    if given.get("credential"):
        return _by_second_factor(request, user, credential=given["credential"])
    if given.get("code"):
        return _by_second_factor(request, user, code=given["code"])
    if given.get("password"):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "second-factor-required",
            "Your account has a second factor: confirm by that.",
            members={"second_factors": list(kinds)},
        )
    raise missing_code()


def passkey_options(user: User) -> dict[str, object]:
    """Give what the browser is to ask for."""
    return dict(auth.begin_authentication(user))


def _by_second_factor(request: HttpRequest, user: User, code: str = "", credential: str = "") -> str:
    tried = limits.try_second_factor(request, user)
    wrong = HTTPStatus.FORBIDDEN
    with transaction.atomic():
        second_factors.hold(user)
        if credential:
            form = second_factors.check_passkey(user, credential, ReauthenticateWebAuthnForm, wrong)
        else:
            form = second_factors.check_code(user, code, ReauthenticateForm, wrong)
        form.save()
        token = proven(request, user)
    tried.give_back()
    return token


def _by_password(request: HttpRequest, user: User, password: str) -> str:
    if not password:
        missing = "Enter your password."
        raise Refusal(HTTPStatus.BAD_REQUEST, "missing-fields", missing, errors={"password": missing})
    tried = limits.try_password(request, user.email)
    with turn():
        try:
            right = len(password) <= passwords.LONGEST and get_adapter(request).reauthenticate(user, password)
        except UsersUnavailable:
            tried.give_back()
            raise
    if not right:
        raise Refusal(HTTPStatus.FORBIDDEN, "wrong-password", "The password is wrong.")
    tried.give_back()
    reauthenticate_by_password(request)
    return proven(request, user)


def proven(request: HttpRequest, user: User) -> str:
    """Write down what allauth has just recorded, and give a token whose `auth_time` and `amr` say it."""
    session = session_of(request)
    session[AUTHENTICATION_METHODS_SESSION_KEY] = proof.without_older(dict(session.items()))
    try:
        with transaction.atomic():
            session.save()
            return fresh_token(request, user)
    except (UpdateError, Refusal):  # it was revoked while the password was looked at
        session.flush()
        raise not_signed_in("The session has ended.") from None


def fresh_token(request: HttpRequest, user: User) -> str:
    """Give a token of the session that this request comes with; raises Refusal (401) if it was just revoked."""
    row, now = session_of(request).row, timezone.now()
    if row is None or not sessions.may_have_token(
        row.sid, row.tokens_until, now, settings.PILLION.token_lifetime
    ):
        raise not_signed_in("The session has ended.")
    return issue.token(user, row)
