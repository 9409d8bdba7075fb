"""What an Envoy in a pod answers besides: probes and metrics, in clear; and, to its own pod, the order to drain.

Its admin interface stays a Unix socket. These are the few requests that reach it, to the letter, without a query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteMatch, VirtualHost
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy import names
from pillion.envoy.clusters import cluster, http1
from pillion.envoy.connection import connection_manager, listener
from pillion.envoy.filters.router import router
from pillion.envoy.filters.status_alone import status_alone, whole_answer
from pillion.envoy.matchers import header_is
from pillion.envoy.routes import answer, to_cluster
from pillion.envoy.shared import shared
from pillion.plan.model import Address, UnixSocket, Workload
from pillion.plan.pods import DRAIN_PORT, EVERYWHERE, PROBES_PORT
from pillion.plan.ports import LOOPBACK

APP_HEALTH: Final = "/app/health"
APP_METRICS: Final = "/app/metrics"

_PATIENCE: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Asked:
    """A path of the probes' port, and where it is answered; of a `whole` answer more than the status is told."""

    path: str
    cluster: str
    at: str
    whole: bool = False
    method: str = "GET"


_READY: Final = Asked("/ready", names.ADMIN, "/ready")
_METRICS: Final = Asked("/metrics", names.ADMIN, "/stats/prometheus?usedonly", whole=True)
# Connections go with their next answer; listeners stay, so that nobody is turned away who does not know yet.
_DRAIN: Final = Asked("/drain", names.ADMIN, "/drain_listeners?graceful&skip_exit", method="POST")

_PROBES: Final = Address(host=EVERYWHERE, port=PROBES_PORT)
_OWN_POD: Final = Address(host=LOOPBACK, port=DRAIN_PORT)


def pod_listeners(asked: Sequence[Asked] = (), filters: Sequence[HttpFilter] = ()) -> list[Listener]:
    """Give both listeners. `asked` is what its pod answers besides; `filters` may answer before that."""
    every = (_READY, _METRICS, *asked)
    probes = _listener("probes", _PROBES, every, filters) if filters else _usual("probes", _PROBES, every)
    return [probes, _usual("drain", _OWN_POD, (_DRAIN,))]


def admin_cluster(workload: Workload) -> Cluster:
    """Give the Envoy's own admin interface."""
    return cluster(names.ADMIN, UnixSocket(path=names.admin_socket(workload.name)), http1())


@shared
def _usual(name: str, address: Address, asked: tuple[Asked, ...]) -> Listener:
    return _listener(name, address, asked)


def _listener(
    name: str,
    address: Address,
    asked: Sequence[Asked],
    filters: Sequence[HttpFilter] = (),
) -> Listener:
    manager = connection_manager(name, None)
    manager.upgrade_configs = []
    manager.route_config = RouteConfiguration(
        name=name,
        virtual_hosts=[
            VirtualHost(
                name=name,
                domains=["*"],
                routes=[*map(_route, asked), answer("unknown", RouteMatch(prefix="/"), 404)],
            )
        ],
    )
    manager.http_filters = [*filters, status_alone(), router()]
    return listener(name, address, manager)


def _route(asked: Asked) -> Route:
    there = to_cluster(asked.cluster, _PATIENCE)
    there.prefix_rewrite = asked.at
    # Some frameworks take no request for an address that they do not know as theirs; a pod's is nobody's.
    there.host_rewrite_literal = "localhost"
    return Route(
        name=asked.path,
        match=RouteMatch(
            path=asked.path, headers=[header_is(":method", asked.method), header_is(":path", asked.path)]
        ),
        route=there,
        typed_per_filter_config=whole_answer() if asked.whole else {},
    )
