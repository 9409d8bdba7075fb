"""Adding a provider to one's own account, and removing it; the views see to it that it is really that person."""

from http import HTTPStatus
from typing import Final

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from pillion.identity import provider_links, ways_in
from pillion.identity.flows.still_there import still_there
from pillion.identity.models import User
from pillion.identity.providers.known import Provider
from pillion.identity.providers.person import Person
from pillion.identity.refusal import Refusal

_MOST: Final = 20
_LONGEST_NUMBER: Final = 18  # digits of 63 bits


def link(request: HttpRequest, user: User, provider: Provider, person: Person) -> None:
    """Let the person sign in as `user`.

    Raises Refusal: 401 when the session has ended, 409 when the person is another account's, or there are very
    many.
    """
    try:
        with transaction.atomic():
            still_there(request, user)
            user.refresh_from_db()
            if provider_links.is_linked(user, person):
                return
            if SocialAccount.objects.filter(user=user).count() >= _MOST:
                raise Refusal(HTTPStatus.CONFLICT, "too-many-links", "Remove one first: these are very many.")
            added = provider_links.add(user, person)
            provider_links.prove_address(user, person)
            provider_links.bring_up_to_date(user, added, provider, person)
            provider_links.tell(request, user, "provider_added", provider.title)
    except IntegrityError:
        raise Refusal(
            HTTPStatus.CONFLICT,
            "provider-taken",
            f"Who you are at {provider.title} signs in to another account here. Remove it there first.",
        ) from None


def unlink(request: HttpRequest, user: User, number: str) -> None:
    """Remove the link of this number. Raises Refusal: 404 without one, 409 when it is the last way to sign in."""
    with transaction.atomic():
        still_there(request, user)
        user.refresh_from_db()
        key = int(number) if number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER else 0
        found = next((one for one in provider_links.of_user(user) if one.link.pk == key), None)
        if found is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "no-such-link", "Your account has no such way to sign in.")
        ways_in.require_another(user, without_link=key)
        provider_links.remove(user, found.link)
        provider_links.tell(request, user, "provider_removed", found.title)
