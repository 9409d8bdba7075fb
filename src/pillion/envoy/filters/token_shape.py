"""Refuse an Authorization header that is not exactly one bearer token, before anything parses it.

Envoy's jwt_authn takes `xBearer …`, `Basic …, Bearer …`, four segments, stray dots, white space, padding and
non-canonical base64. RFC 6750, section 2.1 and RFC 7515, sections 2 and 7.1 allow none of it. Two Authorization
headers reach this filter joined by a comma, and fail too.
"""

from typing import Final

from envoy_data_plane.envoy.config.rbac.v3 import (
    Permission,
    PermissionSet,
    Principal,
    RbacAction,
)
from envoy_data_plane.envoy.config.rbac.v3 import (
    Rbac as Rules,
)
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import header_like, header_present, policy
from pillion.envoy.packed import pack

# Base64url without padding whose unused last bits are zero: one value has one spelling (RFC 4648, section 3.5).
_QUAD: Final = "[A-Za-z0-9_-]{4}"
_LAST_TWO: Final = "[A-Za-z0-9_-][AQgw]"
_LAST_THREE: Final = "[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]"
_CANONICAL: Final = f"(?:{_QUAD})*(?:{_QUAD}|{_LAST_TWO}|{_LAST_THREE})"

# RFC 7235, section 2.1: the scheme's name is case-insensitive; these are the spellings that clients use.
BEARER_TOKEN: Final = rf"[Bb]earer {_CANONICAL}\.{_CANONICAL}\.{_CANONICAL}"

_NAME: Final = "pillion.token-shape"


def token_shape() -> HttpFilter:
    """Refuse with the policy `token-shape`."""
    malformed = Permission(
        and_rules=PermissionSet(
            rules=[
                Permission(header=header_present("authorization")),
                Permission(not_rule=Permission(header=header_like("authorization", BEARER_TOKEN))),
            ]
        )
    )
    return http_filter(
        _NAME,
        Rbac(
            rules_stat_prefix="token_shape",
            rules=Rules(
                action=RbacAction.DENY, policies={"token-shape": policy(Principal(any=True), malformed)}
            ),
        ),
    )


def any_authorization() -> dict[str, Any]:
    """Give the configuration of a route where a program may authenticate otherwise (RFC 7617)."""
    return {_NAME: pack(RbacPerRoute())}
