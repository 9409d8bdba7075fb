"""Signing in by a provider: whose account it is, and a session for it.

The first time, an account is made, or an existing one is linked; the latter only if the address is known to be
theirs on both sides. Otherwise who had signed up with somebody's address before would share the account with
them.
"""

from http import HTTPStatus
from typing import Final, NamedTuple

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import EmailAddress, Login
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import changes, limits, links, provider_links
from pillion.identity.adapter import may_sign_in
from pillion.identity.flows import second_step
from pillion.identity.flows.signed_in import SignedIn, begin, signed_in
from pillion.identity.mail import queue
from pillion.identity.models import User
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person
from pillion.identity.refusal import Refusal

_TRIES: Final = 3


class Mailed(NamedTuple):
    """In the place of a sign-in: a mail is on its way to `address`, by which it is to be confirmed first."""

    address: str


def sign_in(request: HttpRequest, provider: Provider, person: Person) -> SignedIn | Mailed:
    """Open a session for a person, or have a mail sent.

    Raises SecondFactorRequired when the account has a second factor. Raises Refusal: 403 when sign-up is
    closed, the account is disabled, or there is no address; 409 when the address has an account that is not
    linked; 429.
    """
    if provider_links.find(person) is None:
        limits.try_sign_up(request)
    for _ in range(_TRIES - 1):
        try:
            return _sign_in(request, provider, person)
        except IntegrityError:  # the same person, or the address, at the same moment elsewhere
            continue
    return _sign_in(request, provider, person)


def record(request: HttpRequest, user: User, provider: Provider, person: Person, **more: bool) -> None:
    """Note that the person has proven who they are: when the provider asked them, or now if it does not say.

    In the latter case `asked` is false: perhaps nobody has done more than to open the browser (see `proof`).
    """
    now = timezone.now().timestamp()
    at = now if person.proven_at is None else min(now, float(person.proven_at))
    asked = person.proven_at is not None
    record_authentication(request, user, "socialaccount", provider=provider.name, at=at, asked=asked, **more)


def _sign_in(request: HttpRequest, provider: Provider, person: Person) -> SignedIn | Mailed:
    link = provider_links.find(person)
    # Before the account's row is held: others take the two locks in this order.
    limits.open_session(request, link.user.email if link else person.email or person.sub)
    with transaction.atomic():
        user = _account_of(request, provider, person)
        if user is None or (user.is_active and not may_sign_in(user)):
            return _mail(request, user.email if user else str(person.email))
        if not user.is_active:
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "account-disabled",
                "Your account is disabled. Ask the operator about it.",
            )
        begin(request)
        record(request, user, provider, person)
        perform_login(request, Login(user=user))
        second_step.hold(request, user)
        request.session.save()
    second_step.raise_if_held(request)
    return signed_in(request)


def _mail(request: HttpRequest, address: str) -> Mailed:
    """Have the mail sent by which an address is confirmed; what it says is decided when it is written."""
    limits.try_mail(request, address)
    queue.put("confirm", address)
    return Mailed(address)


def _account_of(request: HttpRequest, provider: Provider, person: Person) -> User | None:
    """Give the account of a person, its row held and what the provider says taken over.

    None where the address, which nobody has verified, is another account's, and that is not to be told.
    """
    user, link = _held(person)
    if user is None:
        user = _found_by_address(request, provider, person)
        if user is None:
            return None
        link = provider_links.add(user, person)
    provider_links.bring_up_to_date(user, link, provider, person)
    return user


def _held(person: Person) -> tuple[User | None, SocialAccount | None]:
    link = provider_links.find(person)
    if link is None:
        return None, None
    user = User.objects.select_for_update().filter(pk=link.user_id).first()
    link = provider_links.find(person)  # as it is, now that the row is held
    if user is None or link is None or link.user_id != user.pk:
        return None, None
    return user, link


def _found_by_address(request: HttpRequest, provider: Provider, person: Person) -> User | None:
    if person.email is None:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "provider-no-email",
            f"{provider.title} did not tell your email address, without which there is no account. Allow it "
            "there, or make an account with a password, and add this way to sign in to it.",
        )
    holder = User.objects.select_for_update().filter(email=person.email).first()
    if holder is not None and person.verified:
        _require_theirs(provider, person, holder)
        provider_links.tell(request, holder, "provider_added", provider.title)
        return holder
    if not get_adapter(request).is_open_for_signup(request):  # said alike, whether the address has an account
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "sign-up-closed",
            f"You have no account here that {provider.title} could sign you in to. Accounts are made by the "
            "operator; ask them for one.",
        )
    if holder is None:
        return _make(person, person.email)
    if settings.PILLION.verifies:
        return None
    raise Refusal(
        HTTPStatus.CONFLICT,
        "email-taken",
        "There is an account with your address already. Sign in to it as you did before; then you can add "
        "this way.",
    )


def _require_theirs(provider: Provider, person: Person, holder: User) -> None:
    """Raise Refusal (409) unless the account that has the address is the person's, too."""
    if not links.is_proven(holder):
        raise Refusal(
            HTTPStatus.CONFLICT,
            "account-unconfirmed",
            "There is an account with your address, made by who did not confirm that it is theirs. Choose a new "
            "password for it by mail, which signs everybody else out; or ask the operator.",
        )
    # Addresses are given to other people, a `sub` never is.
    if provider_links.has_another_of(holder, person.issuer):
        raise Refusal(
            HTTPStatus.CONFLICT,
            "account-of-another",
            f"The account with your address is linked to somebody else at {provider.title}. Ask the operator.",
        )


def _make(person: Person, email: str) -> User:
    user = User.objects.create_user(email)
    with changes.by(changes.Actor(f"provider {person.issuer}")):
        changes.record("user.added", email)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=person.verified)
    if not person.verified and settings.PILLION.sends_mail and not settings.PILLION.verifies:
        queue.put("confirm", email)  # as after any sign-up; where they have to confirm it, `_mail` does so
    return user
