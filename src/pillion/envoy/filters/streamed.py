"""A place in the filter chain for a filter that control streams (ECDS over ADS).

The filter is replaced alone, without draining a connection. Until control has been reached once, the Envoy waits a
moment at its start, then takes the `default_config`, which is what was known last (`known`): control may be away.
"""

from datetime import timedelta
from typing import Final

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import (
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
    ExtensionConfigSource,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy.packed import pack

# How long an Envoy that has just started waits for control before it serves with what was known last. Without the
# wait, a session that was revoked meanwhile would be let in for the time that the first answer takes.
PATIENCE: Final = timedelta(seconds=1)


def streamed(name: str, default: betterproto2.Message) -> HttpFilter:
    """Stand in the filter chain for the resource `name`, and for `default` as long as there is none."""
    packed = pack(default)
    return HttpFilter(
        name=name,
        config_discovery=ExtensionConfigSource(
            config_source=ConfigSource(
                ads=AggregatedConfigSource(),
                resource_api_version=ApiVersion.V3,
                initial_fetch_timeout=PATIENCE,
            ),
            default_config=packed,
            type_urls=[packed.type_url],
        ),
    )
