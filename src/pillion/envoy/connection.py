"""What every HTTP connection manager of Pillion has in common: strict about requests, patient with streams."""

from datetime import timedelta
from functools import cache
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import (
    Http2ProtocolOptions,
    HttpProtocolOptions,
    HttpProtocolOptionsHeadersWithUnderscoresAction,
)
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerServerHeaderTransformation,
    HttpConnectionManagerUpgradeConfig,
    Rds,
)

from pillion.envoy import names
from pillion.envoy.addresses import envoy_address
from pillion.envoy.early_headers import drop_identity_headers
from pillion.envoy.packed import pack
from pillion.envoy.shared import copied
from pillion.envoy.watched import watched
from pillion.plan.model import Address, UnixSocket, Workload

# A stream (server-sent events, a WebSocket, a long upload) may be silent for this long.
STREAM_IDLE: Final = timedelta(hours=1)
# A client has this long to send its headers: a slow one must not hold a connection for nothing.
HEADERS_TIMEOUT: Final = timedelta(seconds=10)
CONNECTION_IDLE: Final = timedelta(minutes=15)
MAX_STREAMS: Final = 1000

# What all listeners are alike in. With SO_REUSEPORT another process of the same user could listen here too, and
# take a share.
_ANY: Final = Listener(enable_reuse_port=False)


def connection_manager(name: str, workload: Workload | None) -> HttpConnectionManager:
    """Make the connection manager of the listener `name`, without filters, for the caller to fill in.

    Where there is no `workload`, the routes as well.

    Its routes come from a file of their own: a rule that is edited holds for the next request, on connections that
    are open already as well, and ends none of them; a listener that is replaced lets its connections go.

    What is doubtful about a path or a header name is refused rather than repaired, because a service behind
    may repair it differently: escaped slashes, and underscores, which some servers take for dashes.
    """
    manager = copied(_manager())
    manager.stat_prefix = name
    manager.rds = None if workload is None else _routes(name, workload)
    return manager


@cache
def _manager() -> HttpConnectionManager:
    return HttpConnectionManager(
        early_header_mutation_extensions=[drop_identity_headers()],
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST,
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=CONNECTION_IDLE,
            headers_with_underscores_action=HttpProtocolOptionsHeadersWithUnderscoresAction.REJECT_REQUEST,
        ),
        http2_protocol_options=Http2ProtocolOptions(max_concurrent_streams=MAX_STREAMS),
        request_headers_timeout=HEADERS_TIMEOUT,
        stream_idle_timeout=STREAM_IDLE,
        server_header_transformation=HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH,
        upgrade_configs=[HttpConnectionManagerUpgradeConfig(upgrade_type="websocket")],
    )


def _routes(name: str, workload: Workload) -> Rds:
    return Rds(config_source=watched(workload, names.routes_file(name)), route_config_name=name)


def listener(name: str, address: Address | UnixSocket, manager: HttpConnectionManager) -> Listener:
    """Serve plain HTTP/1.1 and HTTP/2 at `address`."""
    door = copied(_ANY)
    door.name = name
    door.address = envoy_address(address)
    door.filter_chains = [FilterChain(filters=[http_connection(manager)])]
    return door


def http_connection(manager: HttpConnectionManager) -> Filter:
    """Wrap a connection manager for a filter chain."""
    return Filter(name="envoy.filters.network.http_connection_manager", typed_config=pack(manager))
