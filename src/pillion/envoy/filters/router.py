"""Send the request on: always the last filter."""

from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.shared import shared


@shared
def router() -> HttpFilter:
    """Add no `x-envoy-…` headers: nobody here reads them."""
    return http_filter("envoy.filters.http.router", Router(suppress_envoy_headers=True))
