"""Making an account, by oneself; one is signed in at once.

allauth's form makes the user (address, password rules) and its flow signs them in.
"""

from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.account.forms import SignupForm
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.signup import complete_signup
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from pillion.identity import email_address, limits, passwords
from pillion.identity.flows.sign_in import describe
from pillion.identity.flows.signed_in import SignedIn, signed_in
from pillion.identity.refusal import Refusal
from pillion.identity.turn import turn

FIELDS: Final = ("email", "password")
_TAKEN: Final = "There is an account with this address already. Sign in instead."


def require_open(request: HttpRequest) -> None:
    """Raise Refusal (404) unless people may make accounts for themselves."""
    if not get_adapter(request).is_open_for_signup(request):
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            "sign-up-closed",
            "Accounts are made by the operator here; ask them for one.",
        )


def sign_up(request: HttpRequest, email: str, password: str) -> SignedIn:
    """Make a user and open their first session.

    Raises Refusal: 404 when sign-up is closed, 400 with what is wrong in each field, 409 when the address has
    an account, 429 after too many tries, 503 when too many people do so at once.
    """
    require_open(request)
    limits.try_sign_up(request)
    with turn():
        return _sign_up(request, email_address.normal(email), password)


def _sign_up(request: HttpRequest, address: str, password: str) -> SignedIn:
    if len(password) > passwords.LONGEST:  # before anything works on it
        raise _invalid({"password": f"Use {passwords.LONGEST} characters or fewer."})
    form = SignupForm({"email": address, "password1": password})
    if not form.is_valid():
        codes = {error.code for error in form.errors.as_data().get("email", ())}
        if "email_taken" in codes:
            raise _taken()
        raise _invalid(
            {
                {"password1": "password"}.get(name, name): " ".join(map(str, messages))
                for name, messages in form.errors.items()
            }
        )
    try:
        with transaction.atomic():
            request.session.flush()
            describe(request)
            user, _ = form.try_save(request)
            record_authentication(request, user, method="password")
            complete_signup(request, user=user)
            request.session.save()
    except IntegrityError:  # somebody was quicker with the same address
        raise _taken() from None
    return signed_in(request)


def _taken() -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, "email-taken", _TAKEN, errors={"email": _TAKEN})


def _invalid(errors: dict[str, str]) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "invalid-fields",
        "The account was not made: see what is asked for below.",
        errors=errors,
    )
