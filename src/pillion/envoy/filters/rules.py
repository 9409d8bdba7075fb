"""Apply a service's rules: each rule is a route of the sidecar, and carries what it requires.

Routes are tried in order and the first match decides, which is just what the topology promises of rules.
"""

from envoy_data_plane.envoy.config.rbac.v3 import Principal, RbacAction
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import WITH_SECOND_FACTOR, all_of, policy
from pillion.envoy.trusted import signed_in, with_role
from pillion.plan.model import Issuer, Requirement


def rules() -> HttpFilter:
    """Refuse everything: a route that carries no requirement lets nobody in."""
    return http_filter(names.RULES, Rbac(rules=Rules(action=RbacAction.ALLOW)))


def required_by(name: str, requirement: Requirement, trusted: tuple[Issuer, ...]) -> dict[str, Any]:
    """Give a route's own configuration of the filter, for the rule `name`; `trusted` vouch for callers as well."""
    allowed = Rules(action=RbacAction.ALLOW, policies={name: policy(_who(requirement, trusted))})
    return {names.RULES: Any.pack(RbacPerRoute(rbac=Rbac(rules=allowed)))}


def _who(requirement: Requirement, trusted: tuple[Issuer, ...]) -> Principal:
    who = who_but_for_the_second_factor(requirement, trusted)
    return all_of([who, WITH_SECOND_FACTOR]) if requirement.mfa else who


def who_but_for_the_second_factor(requirement: Requirement, trusted: tuple[Issuer, ...]) -> Principal:
    """Match whom the requirement lets in, with a second factor or without."""
    if requirement.anyone:
        return Principal(any=True)
    if requirement.roles:
        return with_role(requirement.roles, trusted)
    return signed_in(trusted)
