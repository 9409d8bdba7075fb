"""Spans and audit lines for an OpenTelemetry collector (OTLP by gRPC), where the topology names one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import GrpcService, GrpcServiceEnvoyGrpc
from envoy_data_plane.envoy.extensions.access_loggers.open_telemetry.v3 import OpenTelemetryAccessLogConfig
from envoy_data_plane.google.protobuf import Any
from envoy_data_plane.opentelemetry.proto.common.v1 import AnyValue, KeyValue, KeyValueList

from pillion.envoy.clusters import cluster, http2
from pillion.envoy.names import TELEMETRY
from pillion.plan.model import Plan

_TIMEOUT: Final = timedelta(seconds=5)

# What a log shows of a line where it shows one text alone.
_SUMMARY: Final = "%REQ(:METHOD)% %PATH(NQ)% %RESPONSE_CODE%"


def telemetry_clusters(plan: Plan) -> list[Cluster]:
    """Give the way to the collector, if there is one."""
    return [cluster(TELEMETRY, plan.collector, http2())] if plan.collector else []


def collector() -> GrpcService:
    """Name the collector."""
    return GrpcService(envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=TELEMETRY), timeout=_TIMEOUT)


def otlp_log(service: str, fields: Mapping[str, str | None]) -> AccessLog:
    """Send what an audit line says as a log record, with trace and span; `fields` are its attributes.

    A collector that is away loses records: what counts is the file.
    """
    return AccessLog(
        name="pillion.audit.otlp",
        typed_config=Any.pack(
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
