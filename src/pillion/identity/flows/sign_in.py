"""Signing in with an email address and a password.

allauth's form finds the user and its flow signs them in (login stages, such as a second factor, go there).
Around it stand our limits, and the answer for every failure is one and the same.
"""

from http import HTTPStatus
from typing import Final

from allauth.account.forms import LoginForm
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.http import HttpRequest

from pillion.identity import email_address, limits, passwords
from pillion.identity.flows import second_step
from pillion.identity.flows.signed_in import SignedIn, begin, signed_in
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.sql import for_update, scalar, stored, table
from pillion.identity.turn import turn
from pillion.identity.users_service.sign_in import UsersUnavailable

FIELDS: Final = ("email", "password")
_WRONG: Final = "The email address or the password is wrong."
# Said to everybody: see `adapter.may_sign_in`.
_OR_UNCONFIRMED: Final = " Or the address is not confirmed yet: there was a mail about it."

_PASSWORD_NOW: Final = f"SELECT password FROM {table(User)} WHERE id = %s AND is_active"  # noqa: S608 - constants


def sign_in(request: HttpRequest, email: str, password: str) -> SignedIn:
    """Open a session for the user of that address and password.

    Raises SecondFactorRequired when these are right and the account has a second factor. Raises Refusal: 400
    with the fields that are missing, 401 when the two do not fit (in the same words and the same time whether
    there is such an account or not), 429 after too many tries, 503 when too many people sign in at once, or the
    users service is away.
    """
    _require(email, password)
    address = email_address.normal(email)
    # Before a turn is taken: who has to wait anyway keeps nobody else from signing in.
    tried = limits.try_password(request, address)
    with turn():
        try:
            return _sign_in(request, address, password, tried)
        except UsersUnavailable:
            tried.give_back()
            raise


def _sign_in(request: HttpRequest, address: str, password: str, tried: limits.Try) -> SignedIn:
    form = LoginForm({"login": address, "password": password}, request=request)
    # What allauth's form would refuse by its look is worked on like any other, so that it takes as long.
    if len(address) > email_address.LONGEST or len(password) > passwords.LONGEST or not form.is_valid():
        if not hasattr(form, "cleaned_data") or "login" not in form.cleaned_data:
            _spend_the_same_time(password)
        raise _wrong()
    # Before the transaction: the limits' locks are a whole network's, and nobody behind it is to wait for a row.
    limits.open_session(request, address, tried)
    with transaction.atomic():
        if not _still_holds(form.user):
            raise _wrong()
        begin(request)
        form.login(request)
        second_step.hold(request, form.user)
        request.session.save()
    second_step.raise_if_held(request)
    return signed_in(request)


def _still_holds(checked: User) -> bool:
    """Say whether the password that was just checked, outside of this transaction, still lets this user in.

    Whoever changes it, or disables or deletes the account, revokes the sessions that there are: without this, one
    that is opened a moment later would stay.
    """
    now: str | None = scalar(f"{_PASSWORD_NOW} {for_update()}", stored(User, "id", checked.pk))
    return now is not None and now == checked.password


def _wrong() -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "wrong-credentials",
        _WRONG + (_OR_UNCONFIRMED if settings.PILLION.verifies else ""),
        headers={"WWW-Authenticate": 'Pillion-Password realm="sign-in"'},
    )


def _spend_the_same_time(password: str) -> None:
    if settings.PILLION.users is not None:  # which is not asked about what is no address
        return
    make_password(password[: passwords.LONGEST])


def _require(email: str, password: str) -> None:
    missing = {
        name: what
        for name, value, what in (
            ("email", email.strip(), "Enter your email address."),
            ("password", password, "Enter your password."),
        )
        if not value
    }
    if missing:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "missing-fields",
            "Enter your email address and your password.",
            errors=missing,
        )
