"""Apply a service's rules: each rule is a route of the sidecar, and carries what it requires.

Routes are tried in order and the first match decides, which is just what the topology promises of rules.
"""

from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.config.rbac.v3 import RbacAction
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import policy
from pillion.envoy.packed import pack
from pillion.envoy.principals import principal
from pillion.plan.model import Requirement


def rules() -> HttpFilter:
    """Refuse everything: a route that carries no requirement lets nobody in."""
    return http_filter(names.RULES, _applied(Rules(action=RbacAction.ALLOW)))


def required_by(name: str, requirement: Requirement) -> dict[str, Any]:
    """Give a route's own configuration of the filter, for the rule `name`."""
    allowed = Rules(action=RbacAction.ALLOW, policies={name: policy(principal(requirement.met_by))})
    return {names.RULES: pack(RbacPerRoute(rbac=_applied(allowed)))}


def _applied(rules: Rules) -> Rbac:
    return Rbac(rules_stat_prefix="rules", rules=rules)
