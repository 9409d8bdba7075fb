"""A list that names a thing names it once, and a list that narrows something names at least one thing."""

from collections.abc import Iterator

from pillion.topology.draft import Draft, Items
from pillion.topology.finding import Finding


def check_duplicates(draft: Draft) -> Iterator[Finding]:
    """Find repeated items, and lists that are written but empty.

    An empty `roles` could be read as nobody or as everybody; neither is what a missing key means, so it is
    refused.
    """
    yield from _repeated(draft.edge.allow_origins)
    for provider in draft.providers:
        yield from _repeated(provider.scopes)
        if provider.scopes.given and provider.scopes.whole and not provider.scopes.items:
            yield Finding(
                provider.scopes.path, "empty-list", "this list is empty", "name one, or leave it out"
            )
    for service in draft.services:
        yield from _repeated(service.calls)
        for rule in service.rules:
            lists = (
                (rule.methods, "any method"),
                (rule.roles, "any signed-in caller"),
                (rule.scopes, "any scope"),
                (rule.callers, "any caller"),
            )
            for items, without in lists:
                yield from _repeated(items)
                if items.given and items.whole and not items.items and "allow" not in rule.given:
                    hint = f"name at least one, or take the key out for {without}"
                    yield Finding(items.path, "empty-list", "this list is empty", hint)


def _repeated(items: Items) -> Iterator[Finding]:
    seen: set[str] = set()
    for item in items.items:
        if item.value in seen:
            yield Finding(item.path, "duplicate-item", "{written} stands in this list already")
        seen.add(item.value)
