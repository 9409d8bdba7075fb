"""Let nobody past the edge without a token, except where a service's rules are open to anyone."""

from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.config.rbac.v3 import RbacAction
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.filters.renewal import NAMESPACE
from pillion.envoy.matchers import SOME_STRING, from_metadata, metadata, policy
from pillion.envoy.packed import pack
from pillion.envoy.principals import principal
from pillion.plan.model import Verification
from pillion.plan.needs import signed_in


def access(verification: Verification) -> HttpFilter:
    """Allow a caller whose token was verified, or has just come from identity."""
    renewed = from_metadata(metadata(NAMESPACE, (vocabulary.USER_HEADER,), SOME_STRING))
    return http_filter(
        names.ACCESS,
        Rbac(
            rules_stat_prefix="access",
            rules=Rules(
                action=RbacAction.ALLOW,
                policies={
                    "renewed": policy(renewed),
                    "signed-in": policy(principal(signed_in(verification.trusted).met_by)),
                },
            ),
        ),
    )


def open_to_anyone() -> dict[str, Any]:
    """Give the configuration of a route where the service behind decides whom it lets in."""
    return {names.ACCESS: pack(RbacPerRoute())}
