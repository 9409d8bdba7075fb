"""Give every request a trace context (W3C Trace Context), and every hop of it a span of its own.

Nothing is sampled, so nothing is ever sent: Envoy makes a trace context only together with a tracer, and a
tracer only with an exporter, which therefore names a cluster that need not exist.
"""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import HttpService, HttpUri
from envoy_data_plane.envoy.config.trace.v3 import OpenTelemetryConfig, TracingHttp
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManagerTracing,
)
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any

NOWHERE: Final = "telemetry"


def trace_context(service: str) -> HttpConnectionManagerTracing:
    """Continue the caller's trace or begin one, marked as not sampled."""
    nothing = Percent(value=0)
    exporter = HttpService(
        http_uri=HttpUri(uri="http://telemetry/v1/traces", cluster=NOWHERE, timeout=timedelta(seconds=1))
    )
    return HttpConnectionManagerTracing(
        client_sampling=nothing,
        random_sampling=nothing,
        overall_sampling=nothing,
        provider=TracingHttp(
            name="envoy.tracers.opentelemetry",
            typed_config=Any.pack(OpenTelemetryConfig(http_service=exporter, service_name=service)),
        ),
    )
