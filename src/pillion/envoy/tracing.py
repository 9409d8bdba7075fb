"""Give every request a trace context (W3C Trace Context), and every hop of it a span of its own.

With a collector every span is sent there, and the collector may choose among them. Without one nothing is sampled
or sent: Envoy makes a trace context only together with a tracer, and a tracer only with an exporter, which names a
cluster that need not exist.
"""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import HttpService, HttpUri, TypedExtensionConfig
from envoy_data_plane.envoy.config.trace.v3 import OpenTelemetryConfig, TracingHttp
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManagerTracing,
)
from envoy_data_plane.envoy.extensions.tracers.opentelemetry.samplers.v3 import AlwaysOnSamplerConfig
from envoy_data_plane.envoy.type.tracing.v3 import CustomTag
from envoy_data_plane.envoy.type.v3 import Percent

from pillion.envoy.names import TELEMETRY
from pillion.envoy.packed import pack
from pillion.envoy.telemetry import collector
from pillion.plan.model import Plan, Workload

_NOWHERE: Final = HttpService(
    http_uri=HttpUri(uri="http://telemetry/v1/traces", cluster=TELEMETRY, timeout=timedelta(seconds=1))
)

# Whatever the flag in the caller's `traceparent`: nobody outside chooses what is seen of them.
_EVERY_ONE: Final = TypedExtensionConfig(
    name="envoy.tracers.opentelemetry.samplers.always_on", typed_config=pack(AlwaysOnSamplerConfig())
)

# The route's name, not the path: a span's name is to be one of few.
_OPERATION: Final = "%REQ(:METHOD)% %ROUTE_NAME%"


def trace_context(plan: Plan, workload: Workload) -> HttpConnectionManagerTracing:
    """Continue the caller's trace or begin one."""
    share = Percent(value=100 if plan.collector else 0)
    exporter = (
        OpenTelemetryConfig(grpc_service=collector(), service_name=workload.name, sampler=_EVERY_ONE)
        if plan.collector
        else OpenTelemetryConfig(http_service=_NOWHERE, service_name=workload.name)
    )
    return HttpConnectionManagerTracing(
        client_sampling=share,
        random_sampling=share,
        overall_sampling=share,
        operation=_OPERATION if plan.collector else "",
        # Envoy's own `http.url` has the query, in which there may be a code or a token: it gets no path at all.
        max_path_tag_length=0 if plan.collector else None,
        custom_tags=[CustomTag(tag="url.path", value="%PATH(NQ)%")] if plan.collector else [],
        provider=TracingHttp(name="envoy.tracers.opentelemetry", typed_config=pack(exporter)),
    )
