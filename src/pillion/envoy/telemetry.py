"""Spans and audit lines for an OpenTelemetry collector (OTLP by gRPC), where the topology names one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import GrpcService, GrpcServiceEnvoyGrpc
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.extensions.access_loggers.open_telemetry.v3 import OpenTelemetryAccessLogConfig
from envoy_data_plane.envoy.extensions.filters.network.tcp_proxy.v3 import TcpProxy
from envoy_data_plane.opentelemetry.proto.common.v1 import AnyValue, KeyValue, KeyValueList

from pillion.envoy.addresses import envoy_address
from pillion.envoy.clusters import cluster, http2
from pillion.envoy.names import COLLECTOR_SOCKET, TELEMETRY
from pillion.envoy.packed import pack
from pillion.plan.model import Address, Plan, UnixSocket, Workload

_RELAY: Final = UnixSocket(path=COLLECTOR_SOCKET)
_TIMEOUT: Final = timedelta(seconds=5)

# What a log shows of a line where it shows one text alone.
_SUMMARY: Final = "%REQ(:METHOD)% %PATH(NQ)% %RESPONSE_CODE%"


def telemetry_clusters(plan: Plan, workload: Workload) -> list[Cluster]:
    """Give the way to the collector, if there is one: where sidecars reach no port, by way of the edge."""
    if plan.collector is None:
        return []
    by_the_edge = workload.kind == "sidecar" and _relays(plan)
    return [cluster(TELEMETRY, _RELAY if by_the_edge else plan.collector, http2())]


def relay(plan: Plan) -> list[Listener]:
    """Have the edge take to the collector what sidecars that reach no port hand in."""
    if not _relays(plan):
        return []
    proxy = TcpProxy(stat_prefix="collector", cluster=TELEMETRY)
    passing = Filter(name="envoy.filters.network.tcp_proxy", typed_config=pack(proxy))
    chain = FilterChain(filters=[passing])
    return [Listener(name="collector", address=envoy_address(_RELAY), filter_chains=[chain])]


def _relays(plan: Plan) -> bool:
    isolated = any(isinstance(sidecar.inbound, UnixSocket) for sidecar in plan.sidecars)
    return isolated and isinstance(plan.collector, Address)


def collector() -> GrpcService:
    """Name the collector."""
    return GrpcService(envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=TELEMETRY), timeout=_TIMEOUT)


def otlp_log(service: str, fields: Mapping[str, str | None]) -> AccessLog:
    """Send what an audit line says as a log record, with trace and span; `fields` are its attributes.

    A collector that is away loses records: what counts is the file.
    """
    return AccessLog(
        name="pillion.audit.otlp",
        typed_config=pack(
            OpenTelemetryAccessLogConfig(
                grpc_service=collector(),
                log_name="pillion.audit",
                resource_attributes=_attributes({"service.name": service}),
                body=AnyValue(string_value=_SUMMARY),
                attributes=_attributes(fields),
            )
        ),
    )


def _attributes(fields: Mapping[str, str | None]) -> KeyValueList:
    return KeyValueList(
        values=[
            KeyValue(key=key, value=AnyValue(string_value=value))
            for key, value in fields.items()
            if value is not None
        ]
    )
