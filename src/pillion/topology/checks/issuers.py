"""No two issuers are one, and none is this mesh's own: it would not be clear whose keys count."""

from collections.abc import Iterator

from pillion.topology.draft import Draft
from pillion.topology.finding import Finding


def check_issuers(draft: Draft) -> Iterator[Finding]:
    """Find an issuer that is named twice, and one that is the edge's own origin."""
    own = draft.edge.origin.value if draft.edge.origin else None
    seen: set[str] = set()
    for issuer in draft.issuers:
        if issuer.value == own:
            yield Finding(
                issuer.path, "issuer-clash", "{written} is this mesh's own issuer: the edge's origin"
            )
        elif issuer.value in seen:
            yield Finding(issuer.path, "issuer-clash", "{written} is trusted under another name already")
        seen.add(issuer.value)
