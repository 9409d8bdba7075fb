"""Refuse whom a rule would let in but for a scope or a second factor, so that the answer can say so.

Before `rules`, which refuses them as well, and all others: it alone decides. What it knows of a refusal is that
nothing allowed the request; here the policy's name tells why.
"""

from collections.abc import Mapping
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import Metadata
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.config.rbac.v3 import RbacAction
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any, Struct

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import all_of, not_, policy
from pillion.envoy.packed import pack
from pillion.envoy.principals import principal
from pillion.plan.needs import Kind, Requirement

_NAME: Final = "pillion.challenge"
_SCOPE: Final = "scope"
# What the caller can do something about, by the kind of need: RFC 6750, section 3.1, and RFC 9470, section 3.
_POLICIES: Final[Mapping[Kind, str]] = {"scope": "scope-missing", "mfa": "step-up"}

# What Envoy notes of such refusals.
SCOPE_DETAILS: Final = f"rbac_access_denied_matched_policy[{_POLICIES['scope']}]"
STEP_UP_DETAILS: Final = f"rbac_access_denied_matched_policy[{_POLICIES['mfa']}]"
# How an answer names the scopes that the route's rule asks for.
ASKED_SCOPES: Final = f"%METADATA(ROUTE:{_NAME}:{_SCOPE})%"


def challenge() -> HttpFilter:
    """Stand in the chain, off but for the routes whose rule asks for a scope or a second factor."""
    asked = http_filter(_NAME, Rbac())
    asked.disabled = True
    return asked


def asked_by(requirement: Requirement) -> dict[str, Any]:
    """Give a route's own configuration of the filter: none where its rule asks for neither."""
    policies = {
        _POLICIES[need.kind]: policy(
            all_of([principal(requirement.but_for(need)), not_(principal(need.met_by))])
        )
        for need in requirement.needs
        if need.kind in _POLICIES
    }
    if not policies:
        return {}
    refused = Rules(action=RbacAction.DENY, policies=policies)
    return {_NAME: pack(RbacPerRoute(rbac=Rbac(rules_stat_prefix="challenge", rules=refused)))}


def scopes_of(requirement: Requirement) -> Metadata | None:
    """Give what a route tells of its rule's scopes: an answer is worded where no rule is at hand."""
    scopes = [scope for need in requirement.needs for scope in need.scopes]
    if not scopes:
        return None
    return Metadata(filter_metadata={_NAME: Struct.from_dict({_SCOPE: " ".join(scopes)})})
