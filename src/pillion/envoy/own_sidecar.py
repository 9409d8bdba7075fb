"""The Envoy beside identity or control in a pod: who may send what, and under which name it arrives there.

Nobody else reaches the two: they listen on a Unix socket that only this Envoy shares with them.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, VirtualHost
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager

from pillion.envoy import refusals
from pillion.envoy.audit_log import audit_log, refused_handshakes
from pillion.envoy.connection import connection_manager, listener
from pillion.envoy.filters.callers import CALLER_DETAILS, callers, only
from pillion.envoy.filters.came_with import came_with
from pillion.envoy.filters.router import router
from pillion.envoy.headers import overwrite
from pillion.envoy.inbound import INBOUND
from pillion.envoy.mtls import for_callers
from pillion.envoy.routes import RETRIES
from pillion.plan.model import Plan, Pods, Workload
from pillion.vocabulary import WORKLOAD_HEADER

IDENTITY: Final = Workload("identity", "sidecar")
CONTROL: Final = Workload("control", "sidecar")

_NOT_ALLOWED: Final = refusals.Refusal(
    code="caller-not-allowed",
    when=f"response.code_details == '{CALLER_DETAILS}'",
    status=403,
    title="Forbidden",
    detail="%DOWNSTREAM_PEER_URI_SAN% may not ask for this here.",
)


def own_manager(plan: Plan, workload: Workload) -> HttpConnectionManager:
    """Make the connection manager: nobody is let in but by a route that names them."""
    manager = connection_manager(INBOUND, workload)
    manager.preserve_external_request_id = True
    manager.skip_xff_append = True
    manager.upgrade_configs = []
    manager.http_filters = [came_with(), callers(), router()]
    manager.local_reply_config = refusals.local_replies((_NOT_ALLOWED, *refusals.BY_STATUS), plan.mesh)
    manager.access_log = audit_log(plan, workload, "inbound")
    return manager


def own_listener(plan: Plan, pods: Pods, workload: Workload, manager: HttpConnectionManager) -> Listener:
    """Take connections of workloads of this mesh."""
    door = listener(INBOUND, pods.inbound, manager)
    door.filter_chains[0].transport_socket = for_callers(workload)
    door.access_log = refused_handshakes(plan, workload)
    return door


def own_routes(workload: Workload, routes: Sequence[Route]) -> RouteConfiguration:
    """Say with each request who sends it, whatever it says itself."""
    return RouteConfiguration(
        name=INBOUND,
        request_headers_to_add=[overwrite(WORKLOAD_HEADER, "%DOWNSTREAM_PEER_URI_SAN%")],
        virtual_hosts=[
            VirtualHost(name=workload.name, domains=["*"], retry_policy=RETRIES, routes=list(routes))
        ],
    )


def let_in(route: Route, spiffe_ids: Iterable[str]) -> Route:
    """Open a route to these workloads."""
    route.typed_per_filter_config = only(spiffe_ids)
    return route
