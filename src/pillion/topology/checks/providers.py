"""Each identity provider is one that is known, or says who it is; and it is told what it can make something of."""

from collections.abc import Iterator
from typing import Final

from pillion.topology.draft import Draft, DraftProvider
from pillion.topology.finding import Finding
from pillion.topology.providers import KNOWN, MICROSOFT, WITHOUT_CLAIMS
from pillion.topology.wording import did_you_mean, one_of

_KNOWN: Final = tuple(KNOWN)


def check_providers(draft: Draft) -> Iterator[Finding]:
    """Find unknown providers, keys that are not for them, one that is there twice, and any beside a users service.

    The names of two providers may differ while their people are the same: by the issuer accounts are linked.
    """
    seen: set[str] = set()
    for provider in draft.providers:
        if provider.name not in KNOWN and "issuer" not in provider.given:
            near = did_you_mean(provider.name, _KNOWN)
            yield Finding(
                provider.at,
                "unknown-provider",
                f"{one_of(_KNOWN)} is known by its name alone: any other one says who it is",
                near or "add 'issuer: https://sso.example'",
                on_key=True,
            )
        yield from _misplaced(provider)
        if provider.issuer and provider.issuer.value in seen:
            yield Finding(
                provider.issuer.path, "issuer-clash", "{written} is a provider under another name already"
            )
        if provider.issuer:
            seen.add(provider.issuer.value)
    if draft.users is not None and draft.providers:
        message = "who signs in is known to the users service: a provider would let in whom it does not know"
        yield Finding(
            ("identity", "providers"),
            "providers-beside-users",
            message,
            "keep one of 'users' and 'providers'",
            on_key=True,
        )


def _misplaced(provider: DraftProvider) -> Iterator[Finding]:
    known = KNOWN.get(provider.name)
    for key, unwanted, why in (
        (
            "issuer",
            known is not None,
            f"who {known} is, is known: leave it out, or give this provider another name",
        ),
        ("tenant", provider.name != MICROSOFT, "only microsoft has tenants"),
        ("roles", provider.name in WITHOUT_CLAIMS, f"{known} tells nothing of groups"),
        ("scopes", provider.name in WITHOUT_CLAIMS, f"{known} is asked for what is needed, and for no more"),
    ):
        if unwanted and key in provider.given:
            yield Finding((*provider.at, key), "not-of-this-provider", why, on_key=True)
