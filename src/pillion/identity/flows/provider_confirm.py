"""Proving by a provider that one is who one is: before a dangerous step, or that an account is one's own."""

from http import HTTPStatus

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from pillion.identity import links, provider_links, second_factors
from pillion.identity.flows.confirm import proven
from pillion.identity.flows.provider_sign_in import record
from pillion.identity.flows.verify import address_taken, settle
from pillion.identity.models import User
from pillion.identity.providers.attempt import Attempt
from pillion.identity.providers.id_token import LEEWAY
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person
from pillion.identity.refusal import Refusal


def confirms(user: User) -> list[Provider]:
    """Give the providers by which the user may prove themselves before a dangerous step.

    Who has a second factor does so by that. A provider that does not say when it asked is as much as there is
    where there is no password, and less than there is where there is one.
    """
    if second_factors.kinds(user):
        return []
    password = user.has_usable_password()
    return [one for one in provider_links.providers_of(user) if one.proves_again or not password]


def require_confirms(user: User, provider: Provider) -> None:
    """Raise Refusal (403) unless the user may prove themselves by that provider."""
    if provider not in confirms(user):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "not-by-this-provider",
            f"{provider.title} cannot confirm that it is you: use your password, or your second factor.",
        )


def confirm(request: HttpRequest, user: User, provider: Provider, person: Person, attempt: Attempt) -> str:
    """Note that `user`, who is signed in, has just proven themselves; gives a token that says so.

    Raises Refusal: 403 when it is somebody else, or the provider did not ask them again; 401 when the session has
    ended meanwhile.
    """
    require_confirms(user, provider)
    if not provider_links.is_linked(user, person):
        raise _somebody_else(provider)
    if provider.proves_again and (person.proven_at is None or person.proven_at < attempt.at - LEEWAY):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "not-asked-again",
            f"{provider.title} does not say that it has asked you again who you are. Choose a password, or add a "
            "passkey, and confirm by that.",
        )
    record(request, user, provider, person, reauthenticated=True)
    return proven(request, user)


def verify(request: HttpRequest, key: str, provider: Provider, person: Person) -> None:
    """Make the address of a mailed link the user's, whose person this has to be: in the place of the password.

    Raises Refusal: 410 for a key that is no good any more, 403 when it is somebody else, 409 when another
    account has got the address meanwhile.
    """
    try:
        with transaction.atomic():
            links.hold(links.proof(key).user)
            proof = links.proof(key)
            if not provider_links.is_linked(proof.user, person):
                raise _somebody_else(provider)
            settle(request, proof)
    except IntegrityError:
        raise address_taken() from None


def _somebody_else(provider: Provider) -> Refusal:
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "another-person",
        f"Who you are at {provider.title} is not the owner of this account. Nothing was done.",
    )
