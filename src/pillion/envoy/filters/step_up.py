"""Refuse whom a rule would let in but for the second factor that it asks for, so that the answer can say so.

Before `rules`, which refuses them as well, and all others: it alone decides. What it knows of a refusal is that
nothing allowed the request; here the policy's name tells why.
"""

from typing import Final

from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.config.rbac.v3 import RbacAction
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.filters.rules import who_but_for_the_second_factor
from pillion.envoy.matchers import WITH_SECOND_FACTOR, all_of, not_, policy
from pillion.plan.model import Issuer, Requirement

_NAME: Final = "pillion.step-up"
_POLICY: Final = "step-up"

# What Envoy notes of such a refusal.
STEP_UP_DETAILS: Final = f"rbac_access_denied_matched_policy[{_POLICY}]"


def step_up() -> HttpFilter:
    """Stand in the chain, off but for the routes whose rule asks for a second factor."""
    asked = http_filter(_NAME, Rbac())
    asked.disabled = True
    return asked


def asked_by(requirement: Requirement, trusted: tuple[Issuer, ...]) -> dict[str, Any]:
    """Give a route's own configuration of the filter: none where its rule asks for no second factor."""
    if not requirement.mfa:
        return {}
    lacking = all_of([who_but_for_the_second_factor(requirement, trusted), not_(WITH_SECOND_FACTOR)])
    refused = Rules(action=RbacAction.DENY, policies={_POLICY: policy(lacking)})
    return {_NAME: Any.pack(RbacPerRoute(rbac=Rbac(rules=refused)))}
