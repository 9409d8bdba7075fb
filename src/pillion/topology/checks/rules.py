"""Every rule can match something, and says one thing."""

from collections.abc import Iterator
from typing import Final

from pillion.topology.draft import Draft, DraftRule, DraftService
from pillion.topology.finding import Code, Finding
from pillion.topology.route import covers
from pillion.topology.words import METHODS

# A rule without methods is for those too that no rule can name.
_EVERY: Final = frozenset({*METHODS, "any other"})
# The keys by which a rule asks for something.
_ASKED: Final[dict[str, tuple[Code, str]]] = {
    "roles": ("allow-and-roles", "role"),
    "scopes": ("allow-and-scopes", "scope"),
    "claims": ("allow-and-claims", "claim"),
    "callers": ("allow-and-callers", "caller"),
    "mfa": ("allow-and-mfa", "second factor"),
}


def check_rules(draft: Draft) -> Iterator[Finding]:
    """Find rules that are open and ask for something, outside the service's paths, or never reached."""
    for service in draft.services:
        for i, rule in enumerate(service.rules):
            for key in rule.given & _ASKED.keys() if "allow" in rule.given else ():
                code, what = _ASKED[key]
                message = f"a rule with 'allow: anyone' asks for no {what}: keep one of the two"
                yield Finding((*rule.at, key), code, message, on_key=True)
            if not rule.path:
                continue
            outside = _outside(service, rule.path.value)
            if outside:
                yield Finding(rule.path.path, "rule-outside-paths", outside)
            else:
                yield from _unreachable(service.rules[:i], rule)


def _outside(service: DraftService, path: str) -> str:
    """Say why no request of the service has this path; empty when one may, or when that is unknown."""
    claimed = service.paths
    if not claimed.whole or not claimed.items or any(covers(item.value, path) for item in claimed.items):
        return ""
    return (
        f"{{written}} is not within the service's paths: {', '.join(item.written for item in claimed.items)}"
    )


def _unreachable(earlier: tuple[DraftRule, ...], rule: DraftRule) -> Iterator[Finding]:
    left = _methods(rule)
    if rule.path is None or not rule.methods.whole or not left:
        return
    for other in earlier:
        if other.path and other.methods.whole and covers(other.path.value, rule.path.value):
            left -= _methods(other)
            if not left:
                message = (
                    f"never used: rules above match all of its requests, the last one {other.path.written}"
                )
                yield Finding(rule.at, "unreachable-rule", message, "put the narrower rule first")
                return


def _methods(rule: DraftRule) -> frozenset[str]:
    return frozenset(item.value for item in rule.methods.items) if rule.methods.given else _EVERY
