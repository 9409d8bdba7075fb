"""Let the frontends that the topology names call from their own origins, with credentials."""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.packed import pack

CORS: Final = "envoy.filters.http.cors"
PREFLIGHT_KEPT: Final = timedelta(minutes=10)


def cors() -> HttpFilter:
    """Do nothing where no policy stands: a browser then refuses the other origin by itself."""
    return http_filter(CORS, Cors())


def cors_policy(origins: tuple[str, ...]) -> dict[str, Any]:
    """Allow exactly these origins, by name: with credentials there is no other safe way."""
    if not origins:
        return {}
    policy = CorsPolicy(
        allow_origin_string_match=[StringMatcher(exact=origin) for origin in origins],
        allow_methods="GET, HEAD, POST, PUT, PATCH, DELETE",
        allow_headers="authorization, content-type, if-match, if-none-match, x-requested-with",
        expose_headers="etag, location, retry-after, www-authenticate, x-request-id",
        max_age=str(int(PREFLIGHT_KEPT.total_seconds())),
        allow_credentials=True,
        forward_not_matching_preflights=False,
    )
    return {CORS: pack(policy)}
