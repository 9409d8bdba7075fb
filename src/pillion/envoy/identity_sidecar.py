"""Identity's sidecar in a pod: the edge may ask for everything, a service for a token of its own."""

from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteMatch

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.clusters import cluster, http1
from pillion.envoy.early_headers import drop_workload_headers
from pillion.envoy.edge import IDENTITY_TIMEOUT
from pillion.envoy.matchers import header_is
from pillion.envoy.own_sidecar import IDENTITY, let_in, own_listener, own_manager, own_routes
from pillion.envoy.pod_listeners import APP_HEALTH, APP_METRICS, Asked, admin_cluster, pod_listeners
from pillion.envoy.routes import below, to_cluster
from pillion.envoy.tracing import trace_context
from pillion.plan.model import IDENTITY_SOCKET, Plan, Pods

# What identity answers of itself; the paths are its own, src/pillion/identity/health.py and metrics.py.
_ASKED: Final = (
    Asked(APP_HEALTH, names.APP, "/-/health"),
    Asked(APP_METRICS, names.APP, "/-/metrics", whole=True),
)


def identity_listeners(plan: Plan, pods: Pods) -> list[Listener]:
    """Give the door, and what every pod has."""
    manager = own_manager(plan, IDENTITY)
    # The edge says with a session whose it is; who the edge is, it cannot say.
    manager.early_header_mutation_extensions = [drop_workload_headers()]
    manager.tracing = trace_context(plan, IDENTITY)
    return [own_listener(plan, pods, IDENTITY, manager), *pod_listeners(_ASKED)]


def identity_routes(plan: Plan, pods: Pods) -> RouteConfiguration:
    """Give the way to a token, which has nothing to do with anybody's session, and all others."""
    token = Route(
        name="token",
        match=RouteMatch(path=vocabulary.TOKEN_PATH, headers=[header_is(":method", "POST")]),
        route=to_cluster(names.APP, IDENTITY_TIMEOUT),
        request_headers_to_remove=list(names.INTERNAL_HEADERS),
    )
    everything = Route(name="edge", match=below("/"), route=to_cluster(names.APP, IDENTITY_TIMEOUT))
    edge = plan.edge.spiffe_id
    return own_routes(IDENTITY, [let_in(token, (edge, *pods.token_callers)), let_in(everything, (edge,))])


def identity_clusters() -> list[Cluster]:
    """Give identity itself."""
    return [cluster(names.APP, IDENTITY_SOCKET, http1()), admin_cluster(IDENTITY)]
