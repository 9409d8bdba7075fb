"""Making an account, by oneself.

allauth's form makes the user (address, password rules). Where addresses are confirmed by mail, that is all, and
the answer is the same for an address that has an account; elsewhere allauth's flow signs the user in at once.
"""

from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from allauth.account.adapter import get_adapter
from allauth.account.forms import SignupForm
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.signup import complete_signup
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from pillion.identity import changes, email_address, limits, passwords
from pillion.identity.flows.acting import acting
from pillion.identity.flows.signed_in import SignedIn, begin, signed_in
from pillion.identity.mail import queue
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.turn import turn
from pillion.identity.unconfirmed import SIGNED_UP

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


def sign_up(request: HttpRequest, email: str, password: str) -> SignedIn | None:
    """Make a user. Gives their first session, or None where a mail is sent instead (to whoever has the address).

    Raises Refusal: 404 when sign-up is closed, 400 with what is wrong in each field, 409 when the address has
    an account (only where no mail says it), 429 after too many tries, 503 when too many people do so at once.
    """
    require_open(request)
    limits.try_sign_up(request)
    with turn():
        return _sign_up(request, email_address.normal(email), password)


def _sign_up(request: HttpRequest, address: str, password: str) -> SignedIn | None:
    if len(password) > passwords.LONGEST:  # before anything works on it
        raise _invalid({"password": f"Use {passwords.LONGEST} characters or fewer."})
    form = _Form({"email": address, "password1": password})
    if not form.is_valid():
        raise _invalid(
            {
                {"password1": "password"}.get(name, name): " ".join(map(str, messages))
                for name, messages in form.errors.items()
            }
        )
    if settings.PILLION.verifies:
        limits.try_mail(request, address)
        _make_and_mail(request, form, address)
        return None
    if form.taken:
        raise _taken()
    try:
        with transaction.atomic():
            begin(request)
            user = _save(request, form)
            record_authentication(request, user, method="password")
            complete_signup(request, user=user)
            request.session.save()
            queue.put("confirm", address)
    except IntegrityError:  # somebody was quicker with the same address
        raise _taken() from None
    return signed_in(request)


class _Form(SignupForm):  # type: ignore[misc]
    """allauth's form; that an address is taken is no mistake, so that all else is judged as for a free one."""

    taken = False

    def validate_unique_email(self, value: str) -> str:
        try:
            return str(super().validate_unique_email(value))
        except Exception as error:
            if getattr(error, "code", None) != "email_taken":
                raise
            self.taken = True
            return value


def _make_and_mail(request: HttpRequest, form: _Form, address: str) -> None:
    """Make the user, or go through the motions; what the mail says is decided when it is written."""
    with transaction.atomic():
        if form.taken:
            _pretend(request, form)
        else:
            try:
                with transaction.atomic():
                    _save(request, form)
            except IntegrityError:  # somebody was quicker with the same address: they get the mail
                pass
        queue.put("confirm", address)


def _save(request: HttpRequest, form: _Form) -> User:
    """Make the user, and write down that they did so themselves."""
    user: User = form.try_save(request)[0]
    with acting(request, user):
        changes.record(SIGNED_UP, user.email)
    return user


class _PretenceError(Exception):
    """Undoes what was only done so that it takes the same time."""


def _pretend(request: HttpRequest, form: _Form) -> None:
    form.cleaned_data["email"] = f"{uuid4().hex}@localhost"
    try:
        with transaction.atomic():
            _save(request, form)
            raise _PretenceError  # noqa: TRY301 - so it is undone
    except _PretenceError:
        pass


def _taken() -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, "email-taken", _TAKEN, errors={"email": _TAKEN})


def _invalid(errors: dict[str, Any]) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "invalid-fields",
        "The account was not made: see what is asked for below.",
        errors=errors,
    )
