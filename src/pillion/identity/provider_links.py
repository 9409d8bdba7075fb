"""Whose account here a person of a provider's is: by issuer and `sub`, never by the address.

allauth's SocialAccount is the table: `provider` holds the issuer, `uid` the `sub`. An issuer that is replaced
in the topology by another one under the same name takes no account over. No token of a provider's is kept.
"""

import hashlib
from typing import Final, NamedTuple

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest

from pillion.identity import links, provider_roles
from pillion.identity.models import User
from pillion.identity.providers.known import Provider, of_issuer
from pillion.identity.providers.person import Person

_EMAIL: Final = "email"
# What the table holds; a `sub` may have 255 characters (OpenID Connect Core 1.0, section 2).
_LONGEST_UID: Final = 191
_HASHED: Final = "sha256 "


class Linked(NamedTuple):
    """A link, as its owner sees it; `provider` is None if people do not sign in by that one any more."""

    link: SocialAccount
    provider: Provider | None
    title: str
    email: str


def of_user(user: User) -> list[Linked]:
    """Give what the account is linked to, the oldest first."""
    found = []
    for link in SocialAccount.objects.filter(user=user).order_by("pk"):
        provider = of_issuer(link.provider)
        title = link.provider if provider is None else provider.title
        found.append(Linked(link, provider, title, str(link.extra_data.get(_EMAIL) or "")))
    return found


def providers_of(user: User) -> list[Provider]:
    """Give the providers by which the user may sign in, each once."""
    found = {one.provider.name: one.provider for one in of_user(user) if one.provider is not None}
    return list(found.values())


def find(person: Person) -> SocialAccount | None:
    """Give the link of a person, if an account has it."""
    return SocialAccount.objects.filter(provider=person.issuer, uid=_uid(person)).first()


def is_linked(user: User, person: Person) -> bool:
    """Tell whether the person is the user's."""
    return bool(SocialAccount.objects.filter(user=user, provider=person.issuer, uid=_uid(person)).exists())


def has_another_of(user: User, issuer: str) -> bool:
    """Tell whether the account is somebody's of that issuer's already."""
    return bool(SocialAccount.objects.filter(user=user, provider=issuer).exists())


def add(user: User, person: Person) -> SocialAccount:
    """Link a person to a user, whose row is held; raises IntegrityError if they are linked already."""
    return SocialAccount.objects.create(
        user=user, provider=person.issuer, uid=_uid(person), extra_data={_EMAIL: person.email or ""}
    )


def bring_up_to_date(user: User, link: SocialAccount, provider: Provider, person: Person) -> None:
    """Note what the provider says now: the address, for its owner to know the link by, and the roles."""
    if link.extra_data.get(_EMAIL) != (person.email or ""):
        link.extra_data = link.extra_data | {_EMAIL: person.email or ""}
    link.save()  # its last use, too
    provider_roles.give(user, link, provider_roles.mapped(provider, person.claims))


def prove_address(user: User, person: Person) -> None:
    """Take the user's address for theirs if the provider says that it is the person's."""
    if person.verified and person.email == user.email and not links.is_proven(user):
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)


def remove(user: User, link: SocialAccount) -> None:
    """Remove a link of a user's, whose row is held, and the roles that came by it."""
    provider_roles.give(user, link, ())
    link.delete()


def forget(user: User) -> None:
    """Remove all links of a user, whose row is held."""
    for link in SocialAccount.objects.filter(user=user):
        remove(user, link)


def _uid(person: Person) -> str:
    """Give what stands for a `sub` in the table: itself, unless it is too long, or looks like one that was."""
    if len(person.sub) <= _LONGEST_UID and not person.sub.startswith(_HASHED):
        return person.sub
    return _HASHED + hashlib.sha256(person.sub.encode()).hexdigest()


def tell(request: HttpRequest, user: User, about: str, title: str) -> None:
    """Mail the owner that a link was added or removed: `about` is the mail's name."""
    get_adapter(request).send_notification_mail(
        f"account/email/{about}", user, {"provider": title}, email=user.email
    )
