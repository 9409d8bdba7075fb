"""Signing in with an email address and a password.

Who has a second factor goes through allauth's stages, which ask for it. The others are signed in here, since
allauth's form and flow would take two milliseconds more (docs/decisions/0030-what-a-sign-in-asks.md). The answer
for every failure is one and the same.
"""

from http import HTTPStatus
from typing import Final, NamedTuple

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from pillion.identity import backend, email_address, issue, keys, limits, links, passwords, proof
from pillion.identity.flows import second_step
from pillion.identity.flows.signed_in import SignedIn, begin, enter, signed_in
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.sql import execute, for_update, returned, stored, table
from pillion.identity.turn import turn
from pillion.identity.users_service.sign_in import UsersUnavailable

FIELDS: Final = ("email", "password")
_WRONG: Final = "The email address or the password is wrong."
# Said to everybody: see `adapter.may_sign_in`.
_OR_UNCONFIRMED: Final = " Or the address is not confirmed yet: there was a mail about it."

# With any second factor allauth's stages decide what is to be shown.
_NOW: Final = (
    f"SELECT u.email, u.roles, u.password, {links.PROVEN_OF_U}, "  # noqa: S608 - constants
    f"EXISTS (SELECT 1 FROM {table(Authenticator)} a WHERE a.user_id = u.id), {keys.SIGNING_KID} "
    f"FROM {table(User)} u WHERE u.id = %s AND u.is_active"
)


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
    checked = _find(address, password)
    if checked is None:
        raise _wrong()
    with transaction.atomic():
        # Before the account's row is held: others take the two locks in this order.
        limits.open_session(request, address, tried)
        account = _as_it_is_now(checked)
        if account is None:
            raise _wrong()
        begin(request)
        request.session.update(proof.by_password(account.user.id, address))
        if account.has_second_factor:
            perform_login(request, Login(user=account.user))
            second_step.hold(request, account.user)
        else:
            enter(request, account.user)
        request.session.save()
    second_step.raise_if_held(request)
    return signed_in(request, account.known)


class _Account(NamedTuple):
    """Who signs in, as the transaction holds them; `known` is what their token needs."""

    user: User
    has_second_factor: bool
    known: issue.Known


def _find(address: str, password: str) -> User | None:
    """Find whose address and password these are; what can be neither is worked on as long."""
    try:
        email = email_address.parse(address)
    except email_address.EmailAddressError:
        email = ""
    if email and len(password) <= passwords.LONGEST:
        return backend.find(email, password)
    if settings.PILLION.users is None:  # else it would be asked, which it is not about what is no address
        backend.spend_the_same_time(password[: passwords.LONGEST])
    return None


def _as_it_is_now(checked: User) -> _Account | None:
    """Hold the account whose password was just checked, outside of this transaction; None if it lets nobody in.

    Whoever changes the password, or disables or deletes the account, revokes the sessions that there are: without
    this, one that is opened a moment later would stay. An address that has to be confirmed, and is not, counts as
    unknown (`adapter.may_sign_in`).
    """
    row = execute(f"{_NOW} {for_update()}", stored(User, "id", checked.id)).fetchone()
    if row is None:
        return None
    email, roles, password, proven, has_second_factor, kid = row
    if password != checked.password or (settings.PILLION.verifies and not proven):
        return None
    checked.email, checked.roles = email, returned(User, "roles", roles)
    return _Account(checked, bool(has_second_factor), issue.Known(bool(proven), kid))


def _wrong() -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED,
        "wrong-credentials",
        _WRONG + (_OR_UNCONFIRMED if settings.PILLION.verifies else ""),
        headers={"WWW-Authenticate": 'Pillion-Password realm="sign-in"'},
    )


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
