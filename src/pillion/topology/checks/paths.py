"""One path belongs to one service, and a service names each path once."""

from collections.abc import Iterator

from pillion.topology.draft import Draft, Item
from pillion.topology.finding import Finding
from pillion.topology.route import covers


def check_paths(draft: Draft) -> Iterator[Finding]:
    """Find paths that overlap an earlier one.

    `/` in one service overlaps nobody's but another `/`: it is the explicit catch-all for what no other
    service claims. Within one service it takes in every other path.
    """
    claims: list[tuple[str, Item[str]]] = []
    for service in draft.services:
        for item in service.paths.items:
            for name, earlier in claims:
                if name == service.name and (
                    covers(earlier.value, item.value) or covers(item.value, earlier.value)
                ):
                    yield _redundant(item, earlier)
                    break
                if name != service.name and _overlap(earlier.value, item.value):
                    message = f"{{written}} overlaps {earlier.written} of service '{name}'"
                    yield Finding(item.path, "path-overlap", message)
                    break
            claims.append((service.name, item))


def _overlap(one: str, other: str) -> bool:
    if "/" in {one, other}:
        return one == other
    return covers(one, other) or covers(other, one)


def _redundant(item: Item[str], earlier: Item[str]) -> Finding:
    if covers(earlier.value, item.value):
        message = f"{{written}} is within {earlier.written} already: leave it out"
    else:
        message = f"{{written}} takes in {earlier.written} above: leave one of them out"
    return Finding(item.path, "redundant-path", message)
