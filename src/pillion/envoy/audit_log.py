"""One line of JSON per request: who did what, and why it was refused.

The path stands without its query, which may hold what should not be in a log. No header that carries a
credential is written.
"""

from collections.abc import Mapping
from typing import Final, Literal

from envoy_data_plane.envoy.config.accesslog.v3 import AccessLog, AccessLogFilter, ExtensionFilter
from envoy_data_plane.envoy.config.core.v3 import SubstitutionFormatString
from envoy_data_plane.envoy.extensions.access_loggers.file.v3 import FileAccessLog
from envoy_data_plane.envoy.extensions.access_loggers.filters.cel.v3 import ExpressionFilter
from envoy_data_plane.envoy.extensions.access_loggers.stream.v3 import StdoutAccessLog

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.came_with import CAME_WITH
from pillion.envoy.packed import pack
from pillion.envoy.structs import struct
from pillion.envoy.telemetry import otlp_log
from pillion.plan.model import Plan, Workload

# Who is calling is read from the headers that this Envoy wrote itself: reading a claim from jwt_authn's metadata
# copies all claims each time, which made this line cost a fifth of a request (docs/benchmarks.md).
# `why` is null unless an Envoy refused: this one, or one further on whose answer passed through here.
# A service's call leaves a line at its egress, and one at whom it calls. `traceparent` is as the request came with
# it, and holds the `span_id` of the hop before (docs/decisions/0036-audit.md).
# `caller` is the workload that has shown its certificate, null at the edge; `from` is the address that it has.
FIELDS: Final = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "trace_id": "%TRACE_ID%",
    "span_id": "%SPAN_ID%",
    "traceparent": CAME_WITH,
    "host": "%REQ(:AUTHORITY)%",
    "method": "%REQ(:METHOD)%",
    "path": "%PATH(NQ)%",
    "status": "%RESPONSE_CODE%",
    "why": f"%RESP({names.REFUSED_HEADER})%",
    "rule": "%ROUTE_NAME%",
    "sub": f"%REQ({vocabulary.USER_HEADER})%",
    "sid": f"%REQ({vocabulary.SID_HEADER})%",
    "jti": f"%REQ({vocabulary.JTI_HEADER})%",
    "caller": "%DOWNSTREAM_PEER_URI_SAN%",
    "from": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    "ms": "%DURATION%",
    "details": "%RESPONSE_CODE_DETAILS%",
}

_FAILURE: Final = "DOWNSTREAM_TRANSPORT_FAILURE_REASON"


Kind = Literal["edge", "inbound", "egress"]


def audit_log(plan: Plan, workload: Workload, kind: Kind) -> list[AccessLog]:
    """Write a line for every request that reached a listener of this Envoy's, to the workload's own file.

    In a pod it goes to standard output, which the cluster collects.

    A collector, if there is one, gets the same.
    """
    return _logs(plan, workload, kind, FIELDS)


def refused_handshakes(plan: Plan, workload: Workload) -> list[AccessLog]:
    """Write a line for every connection that was refused before there was a request.

    It names no caller: what such a certificate says is just what was not believed.
    """
    fields = {**FIELDS, "caller": None, "why": "handshake-refused", "details": f"%{_FAILURE}%"}
    logs = _logs(plan, workload, "inbound", fields)
    for log in logs:
        log.filter = AccessLogFilter(
            extension_filter=ExtensionFilter(
                name="cel",
                typed_config=pack(ExpressionFilter(expression="connection.transport_failure_reason != ''")),
            )
        )
    return logs


def _logs(plan: Plan, workload: Workload, kind: Kind, fields: Mapping[str, str | None]) -> list[AccessLog]:
    line = {"service": workload.name, "kind": kind, **fields}
    form = SubstitutionFormatString(json_format=struct(line))
    to = (
        FileAccessLog(path=names.audit_file(workload.name), log_format=form)
        if plan.pods is None
        else StdoutAccessLog(log_format=form)
    )
    written = AccessLog(name="pillion.audit", typed_config=pack(to))
    return [written, otlp_log(workload.name, line)] if plan.collector else [written]
