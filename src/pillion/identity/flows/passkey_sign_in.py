"""Signing in with a passkey alone: it says who one is, and is two factors by itself."""

from http import HTTPStatus
from typing import Final

from allauth.account.models import Login
from allauth.mfa.webauthn.forms import LoginWebAuthnForm
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from pillion.identity import limits, passkeys, second_factors
from pillion.identity.flows.second_step import take_session
from pillion.identity.flows.signed_in import SignedIn, begin, signed_in
from pillion.identity.models import User
from pillion.identity.refusal import Refusal

FIELDS: Final = ("credential",)


def require_usable() -> None:
    """Raise Refusal (404) where browsers take no passkeys."""
    if not passkeys.usable(settings.PILLION):
        raise Refusal(HTTPStatus.NOT_FOUND, "no-passkeys", "Passkeys cannot be used at this address.")


def offered() -> bool:
    """Tell whether a passkey alone signs anybody in: a users service is asked at each sign-in, about passwords.

    Who is gone there would come in here for ever. As a second factor a passkey is as good as elsewhere.
    """
    return settings.PILLION.users is None


def _require_offered() -> None:
    require_usable()
    if not offered():
        raise Refusal(HTTPStatus.NOT_FOUND, "password-first", "Sign in with your password here.")


def options(request: HttpRequest) -> dict[str, object]:
    """Give what the browser is to ask for; raises Refusal: 404, or 429 after too many tries."""
    _require_offered()
    limits.try_passkey(request)
    return dict(auth.begin_authentication())


def sign_in_by_passkey(request: HttpRequest, credential: str) -> SignedIn:
    """Open a session for whom the passkey (its credential, in JSON) is of.

    Raises Refusal: 400 when it cannot be read, 401, in the same words whatever is wrong, 429 after too many tries;
    404 where there are none, or a password is asked for first.
    """
    _require_offered()
    tried = limits.try_passkey(request)
    wrong = second_factors.wrong_passkey(HTTPStatus.UNAUTHORIZED)
    with transaction.atomic():
        form = second_factors.check_passkey(None, credential, LoginWebAuthnForm, HTTPStatus.UNAUTHORIZED)
        authenticator = form.cleaned_data["credential"]
        limits.open_session(request, authenticator.user.email)
        # Locked in the order that `locks` asks for.
        user = User.objects.select_for_update().filter(pk=authenticator.user_id, is_active=True).first()
        if user is None or not take_session(request):
            raise wrong
        if not second_factors.count_use(authenticator, credential):
            raise wrong
        authenticator.user = user
        begin(request)
        perform_passwordless_login(request, authenticator, Login(user=user))
        request.session.save()
    tried.give_back()
    return signed_in(request)
