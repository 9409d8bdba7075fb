"""The edge's origin fits where it listens, and the origins that it allows are others than its own."""

from collections.abc import Iterator

from pillion.topology.draft import Draft
from pillion.topology.finding import Finding


def check_origins(draft: Draft) -> Iterator[Finding]:
    """Find an origin that is needed and missing, one that is http behind TLS, and an own origin in CORS."""
    edge = draft.edge
    if edge.listen and not edge.origin_given and not edge.listen.value.ip.is_loopback:
        message = "other machines reach {written}: say under edge.origin what their browsers call it"
        yield Finding(edge.listen.path, "missing-origin", message, "add 'origin: https://shop.example'")
        return
    if edge.origin is None:
        return
    if edge.tls_given and edge.origin.value.startswith("http:"):
        hint = f"write 'https{edge.origin.value.removeprefix('http')}'"
        yield Finding(edge.origin.path, "origin-not-https", "with edge.tls the edge speaks https only", hint)
    for item in edge.allow_origins.items:
        if item.value == edge.origin.value:
            yield Finding(
                item.path, "own-origin", "{written} is the edge's own origin, which is always allowed"
            )
