"""Refuse, before anything else, who may not call the service at all, whatever token comes along.

Who may stands in the routes' file, so that an edit of `calls` holds for the next request, on connections that are
open already as well. Such a caller has shown a certificate of this mesh: the audit log can name it.
"""

from collections.abc import Iterable
from typing import Final

from envoy_data_plane.envoy.config.rbac.v3 import Principal, RbacAction
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import ANYBODY, caller_is, not_, policy
from pillion.envoy.packed import pack

_NAME: Final = "pillion.callers"
_POLICY: Final = "caller-not-allowed"

# What Envoy notes of such a refusal.
CALLER_DETAILS: Final = f"rbac_access_denied_matched_policy[{_POLICY}]"


def callers() -> HttpFilter:
    """Refuse everybody: where nothing is said of callers there are none."""
    return http_filter(_NAME, _refusing(ANYBODY))


def only(spiffe_ids: Iterable[str]) -> dict[str, Any]:
    """Give the configuration of the filter for those who may call."""
    return {_NAME: pack(RbacPerRoute(rbac=_refusing(not_(caller_is(spiffe_ids)))))}


def _refusing(principal: Principal) -> Rbac:
    refused = Rules(action=RbacAction.DENY, policies={_POLICY: policy(principal)})
    return Rbac(rules_stat_prefix="callers", rules=refused)
