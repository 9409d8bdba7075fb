"""Wrap a filter's typed configuration for the list of an HTTP connection manager."""

import betterproto2
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy.packed import pack


def http_filter(name: str, config: betterproto2.Message) -> HttpFilter:
    """Name a filter. Its name is also the key of its per-route configuration."""
    return HttpFilter(name=name, typed_config=pack(config))
