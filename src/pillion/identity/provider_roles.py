"""Which roles somebody has by a provider's groups: given and taken at each sign-in by it, and never others.

What a provider has given stands with the link, so that what an operator gave by hand, or another provider, stays.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final

from allauth.socialaccount.models import SocialAccount

from pillion.identity import changes
from pillion.identity.accounts import MOST_ROLE_CHARACTERS
from pillion.identity.models import User
from pillion.identity.providers.known import Provider
from pillion.vocabulary import OWN_ROLES, ROLE

GIVEN: Final = "roles"

_log = logging.getLogger("pillion.identity")


def mapped(provider: Provider, claims: Mapping[str, Any]) -> frozenset[str]:
    """Give the roles that a person's groups stand for; a group that the topology does not name stands for none."""
    if provider.roles is None:
        return frozenset()
    value: Any = claims
    for name in provider.roles.claim:
        value = value.get(name) if isinstance(value, Mapping) else None
    groups = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    named = {provider.roles.groups.get(group) for group in groups if isinstance(group, str)}
    return frozenset(
        role for role in named if role and ROLE.fullmatch(role) and not role.startswith(OWN_ROLES)
    )


def give(user: User, link: SocialAccount, roles: Iterable[str]) -> None:
    """Give these roles to the user, whose row is held, and take those that `link` gave before and does not now."""
    before, others = _given(link), _given_by_others(user, link)
    has = set(user.roles)
    by_hand = has - before - others
    now = set(roles) - by_hand
    together = by_hand | now | (others & has)
    if sum(map(len, together)) > MOST_ROLE_CHARACTERS:
        _log.error("%s has too many roles: those of the provider's groups are left out", user.email)
        now = set()
        together = by_hand | (others & has)
    if now != before:
        link.extra_data = link.extra_data | {GIVEN: sorted(now)}
        link.save(update_fields=["extra_data"])
    if together != has:
        with changes.by(changes.Actor(f"provider {link.provider}")):
            changes.record("user.roles", user.email, before=sorted(has), after=sorted(together))
        user.roles = sorted(together)
        user.save(update_fields=["roles"])


def _given(link: SocialAccount) -> set[str]:
    return set(link.extra_data.get(GIVEN, []))


def _given_by_others(user: User, link: SocialAccount) -> set[str]:
    others = SocialAccount.objects.filter(user=user).exclude(pk=link.pk)
    return {role for other in others for role in _given(other)}
