"""Control's sidecar in a pod: every Envoy may have its stream, and nothing else."""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import HealthCheck, HealthCheckTcpHealthCheck, Http2ProtocolOptions
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteMatch
from envoy_data_plane.envoy.extensions.filters.http.health_check.v3 import HealthCheck as HealthCheckFilter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.v3 import Percent

from pillion.envoy import names
from pillion.envoy.clusters import KEEPALIVE, cluster, http2_options
from pillion.envoy.connection import MAX_STREAMS
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import header_is
from pillion.envoy.own_sidecar import CONTROL, let_in, own_listener, own_manager, own_routes
from pillion.envoy.packed import pack
from pillion.envoy.pod_listeners import APP_HEALTH, admin_cluster, pod_listeners
from pillion.envoy.routes import NO_TIMEOUT, answer, to_cluster
from pillion.plan.model import CONTROL_SOCKET, Plan, Pods

# The one method that control serves: delta ADS (the xDS protocol, "Aggregated Discovery Service").
_ADS: Final = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"

# A stream to a connection: an Envoy that does not read fills the window of none but its own (RFC 9113, 5.2).
_OF_ONE_STREAM: Final = Http2ProtocolOptions(max_concurrent_streams=1)

_EVERY: Final = timedelta(seconds=2)


def control_listeners(plan: Plan, pods: Pods) -> list[Listener]:
    """Give the door, and what every pod has."""
    manager = own_manager(plan, CONTROL)
    # An Envoy whose machine is gone without a word is noticed here, as control is by the Envoys.
    manager.http2_protocol_options = Http2ProtocolOptions(
        max_concurrent_streams=MAX_STREAMS, connection_keepalive=KEEPALIVE.connection_keepalive
    )
    return [own_listener(plan, pods, CONTROL, manager), *pod_listeners(filters=[_health()])]


def control_routes(pods: Pods) -> RouteConfiguration:
    """Give the way to the stream, which lasts as long as its Envoy."""
    there = to_cluster(names.APP)
    there.idle_timeout = NO_TIMEOUT
    stream = Route(
        name="stream",
        match=RouteMatch(path=_ADS, headers=[header_is(":method", "POST")]),
        route=there,
    )
    return own_routes(
        CONTROL,
        [let_in(stream, pods.stream_callers), let_in(answer("unknown", RouteMatch(prefix="/"), 404), ())],
    )


def control_clusters() -> list[Cluster]:
    """Give control itself, which is well while it takes connections."""
    itself = cluster(names.APP, CONTROL_SOCKET, pack(http2_options(_OF_ONE_STREAM)))
    itself.health_checks = [
        HealthCheck(
            timeout=timedelta(seconds=1),
            interval=_EVERY,
            no_traffic_interval=_EVERY,
            unhealthy_threshold=1,
            healthy_threshold=1,
            tcp_health_check=HealthCheckTcpHealthCheck(),
        )
    ]
    return [itself, admin_cluster(CONTROL)]


def _health() -> HttpFilter:
    """Answer whether control takes connections: it serves nothing that a probe could ask."""
    return http_filter(
        "pillion.health",
        HealthCheckFilter(
            pass_through_mode=False,
            cluster_min_healthy_percentages={names.APP: Percent(value=100)},
            headers=[header_is(":method", "GET"), header_is(":path", APP_HEALTH)],
        ),
    )
