"""Tells whoever asks how a program is its answer's status, and none of its headers, nor its body."""

from typing import Any, Final

from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy.filters.lua import lua, without
from pillion.envoy.shared import shared

_NAME: Final = "pillion.status-alone"


@shared
def status_alone() -> HttpFilter:
    """Give the filter."""
    return lua(_NAME, "status_alone.lua", {})


def whole_answer() -> dict[str, Any]:
    """Give the configuration of a route whose answers go out as they are."""
    return without(_NAME)
