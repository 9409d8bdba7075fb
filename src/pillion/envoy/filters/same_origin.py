"""Refuse what another site's page could make a browser send in the user's name (CSRF, CWE-352).

A cookie goes along with whatever page caused the request, so a request that changes something and relies on
the cookie must show that it comes from this origin: by Fetch Metadata, or by `Origin` (RFC 6454, section 7).
A WebSocket handshake is a GET that no CORS check guards, and counts as one that changes something. Without
either header there is no proof, and the request is refused: browsers send at least one of them.
"""

from typing import Final

from envoy_data_plane.envoy.config.rbac.v3 import Permission, PermissionSet, Principal, RbacAction
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import header_is, header_present, policy
from pillion.envoy.packed import pack
from pillion.plan.model import Edge

# RFC 9110, section 9.2.1.
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")

_NAME: Final = "pillion.same-origin"


def same_origin(edge: Edge) -> HttpFilter:
    """Refuse with the policy `cross-site`."""
    relies_on_cookie = _any([_header(vocabulary.SESSION_HEADER), _header(names.TOKEN_HEADER)])
    changes_something = _any(
        [Permission(not_rule=Permission(header=header_is(":method", *SAFE_METHODS))), _header("upgrade")]
    )
    from_here = _any(
        [
            # `none`: the user typed the address, or reloaded the page.
            Permission(header=header_is("sec-fetch-site", "same-origin", "none")),
            *(
                Permission(header=header_is("origin", origin))
                for origin in (edge.origin, *edge.allow_origins)
            ),
        ]
    )
    cross_site = _all([relies_on_cookie, changes_something, Permission(not_rule=from_here)])
    return http_filter(
        _NAME,
        Rbac(
            rules_stat_prefix="same_origin",
            rules=Rules(
                action=RbacAction.DENY, policies={"cross-site": policy(Principal(any=True), cross_site)}
            ),
        ),
    )


def from_any_site() -> dict[str, Any]:
    """Give the configuration of a route where nothing comes of what another site sends."""
    return {_NAME: pack(RbacPerRoute())}


def _header(name: str) -> Permission:
    return Permission(header=header_present(name))


def _any(rules: list[Permission]) -> Permission:
    return Permission(or_rules=PermissionSet(rules=rules))


def _all(rules: list[Permission]) -> Permission:
    return Permission(and_rules=PermissionSet(rules=rules))
