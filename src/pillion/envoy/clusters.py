"""The clusters: where an Envoy sends requests on to, and in which protocol."""

from datetime import timedelta
from functools import cache
from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterDiscoveryType,
    OutlierDetection,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    KeepaliveSettings,
)
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions as UpstreamOptions,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptionsExplicitHttpConfig,
    HttpProtocolOptionsUseDownstreamHttpConfig,
)
from envoy_data_plane.google.protobuf import Any

from pillion.envoy import names
from pillion.envoy.addresses import envoy_address
from pillion.envoy.dns import by_dns
from pillion.envoy.mtls import to_callee
from pillion.envoy.packed import pack
from pillion.envoy.shared import constant, copied, shared
from pillion.plan.model import DnsAddress, Edge, Identity, Reached, Sidecar, Workload

CONNECT_TIMEOUT: Final = timedelta(seconds=2)
# Envoy's own limit of 1,024 would cap the open WebSockets of a service; it is not the sidecar that is the limit.
MAX_AT_ONCE: Final = 65536
_NO_BREAKERS: Final = constant(
    CircuitBreakers(
        thresholds=[
            CircuitBreakersThresholds(
                max_connections=MAX_AT_ONCE, max_pending_requests=MAX_AT_ONCE, max_requests=MAX_AT_ONCE
            )
        ]
    )
)
# Shorter than the keep-alive of common application servers, so that Envoy closes an idle connection first and
# no request runs into the application closing it.
UPSTREAM_IDLE: Final = timedelta(seconds=4)
# Who hangs, or whose machine is gone without a word, is noticed by this.
KEEPALIVE: Final = Http2ProtocolOptions(
    connection_keepalive=KeepaliveSettings(interval=timedelta(seconds=10), timeout=timedelta(seconds=5))
)
# Of several addresses, one that cannot be connected to is left out for a while. Never more than half of them: with
# a single one that is none. What an application answers counts for nothing: a request may be to blame for it.
OUTLIERS: Final = constant(
    OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=5,
        enforcing_consecutive_local_origin_failure=100,
        enforcing_local_origin_success_rate=0,
        enforcing_consecutive_5xx=0,
        enforcing_consecutive_gateway_failure=0,
        enforcing_success_rate=0,
        base_ejection_time=timedelta(seconds=5),
        max_ejection_percent=50,
    )
)
# What all clusters are alike in.
_ANY: Final = Cluster(connect_timeout=CONNECT_TIMEOUT, circuit_breakers=_NO_BREAKERS)

_OPTIONS_KEY: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def sidecar_clusters(sidecar: Sidecar, identity: Identity) -> list[Cluster]:
    """Give the service itself, for HTTP/1.1 and for gRPC, and the sidecars of those whom it calls.

    If it calls any, identity as well, where it gets a token of its own.
    """
    tokens = [_identity(names.TOKENS, identity, sidecar.workload)] if sidecar.peers else []
    return [
        cluster(names.APP, sidecar.app, http1()),
        cluster(names.APP_GRPC, sidecar.app, http2()),
        *(
            secured(
                cluster(names.peer_cluster(peer.service), peer.address, _as_received()),
                sidecar.workload,
                peer.spiffe_id,
            )
            for peer in sidecar.peers
        ),
        *tokens,
    ]


def edge_clusters(edge: Edge, identity: Identity, sidecars: tuple[Sidecar, ...]) -> list[Cluster]:
    """Give identity, and the sidecars that the edge has routes to."""
    routed = {route.service for route in edge.routes}
    return [
        _identity(names.identity_cluster(identity.address), identity, edge.workload),
        *(
            secured(
                cluster(names.peer_cluster(sidecar.service), sidecar.reached, _as_received()),
                edge.workload,
                sidecar.spiffe_id,
            )
            for sidecar in sidecars
            if sidecar.service in routed
        ),
    ]


def _identity(name: str, identity: Identity, workload: Workload) -> Cluster:
    """Give identity: on this machine by its socket, elsewhere by way of its sidecar."""
    if identity.spiffe_id is None:
        return cluster(name, identity.address, http1())
    return secured(cluster(name, identity.address, http2(kept_alive=True)), workload, identity.spiffe_id)


def secured(to: Cluster, workload: Workload, spiffe_id: str) -> Cluster:
    """Have `workload` reach a cluster by mTLS, as far as it is the workload that is called so."""
    to.transport_socket = to_callee(workload, spiffe_id)
    to.outlier_detection = OUTLIERS
    return to


def cluster(name: str, address: Reached, options: Any) -> Cluster:
    """Give a cluster of one address, or of all that a name has."""
    made = copied(_ANY)
    made.name = name
    if isinstance(address, DnsAddress):
        made.cluster_type = by_dns()
    else:
        made.type = ClusterDiscoveryType.STATIC
    made.load_assignment = _endpoints(name, address)
    made.typed_extension_protocol_options = {_OPTIONS_KEY: options}
    return made


@shared
def _endpoints(cluster_name: str, address: Reached) -> ClusterLoadAssignment:
    endpoint = LbEndpoint(endpoint=Endpoint(address=envoy_address(address)))
    return ClusterLoadAssignment(
        cluster_name=cluster_name, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])]
    )


@cache
def http1() -> Any:
    """Speak HTTP/1.1, whatever the request came in."""
    explicit = HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions())
    idle = HttpProtocolOptions(idle_timeout=UPSTREAM_IDLE)
    return pack(UpstreamOptions(common_http_protocol_options=idle, explicit_http_config=explicit))


@cache
def http2(*, kept_alive: bool = False) -> Any:
    """Speak HTTP/2, whatever the request came in."""
    return pack(http2_options(KEEPALIVE if kept_alive else None))


def http2_options(options: Http2ProtocolOptions | None = None) -> UpstreamOptions:
    """Give the options of a cluster that is spoken HTTP/2 to, for the caller to add to."""
    explicit = HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=options or Http2ProtocolOptions())
    return UpstreamOptions(explicit_http_config=explicit)


@cache
def _as_received() -> Any:
    """Send on in the protocol that the request came in: gRPC needs HTTP/2, a WebSocket HTTP/1.1."""
    downstream = HttpProtocolOptionsUseDownstreamHttpConfig(
        http_protocol_options=Http1ProtocolOptions(), http2_protocol_options=KEEPALIVE
    )
    return pack(UpstreamOptions(use_downstream_protocol_config=downstream))
