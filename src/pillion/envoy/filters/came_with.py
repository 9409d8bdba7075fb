"""Keeps the `traceparent` that a request came with for the audit log: the router writes this hop's own over it."""

from typing import Final

from envoy_data_plane.envoy.config.core.v3 import DataSource, SubstitutionFormatString
from envoy_data_plane.envoy.extensions.filters.common.set_filter_state.v3 import FilterStateValue
from envoy_data_plane.envoy.extensions.filters.http.set_filter_state.v3 import Config
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.shared import shared

_KEY: Final = "pillion.traceparent"

# How the audit log reads it.
CAME_WITH: Final = f"%FILTER_STATE({_KEY}:PLAIN)%"


@shared
def came_with() -> HttpFilter:
    """Give the filter; without that header it keeps nothing."""
    header = SubstitutionFormatString(text_format_source=DataSource(inline_string="%REQ(TRACEPARENT)%"))
    kept = FilterStateValue(
        object_key=_KEY, factory_key="envoy.string", format_string=header, skip_if_empty=True
    )
    return http_filter("pillion.came-with", Config(on_request_headers=[kept]))
