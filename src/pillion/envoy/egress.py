"""A sidecar's egress listener: the service's way to those whom it may call, and to nobody else."""

from dataclasses import replace
from typing import Final

from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import (
    Route,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)

from pillion.envoy import names, refusals
from pillion.envoy.audit_log import audit_log
from pillion.envoy.chain import egress_chain
from pillion.envoy.connection import connection_manager, listener
from pillion.envoy.matchers import header_is
from pillion.envoy.routes import RETRIES, answer, below, to_cluster
from pillion.envoy.shared import shared
from pillion.envoy.tracing import trace_context
from pillion.plan.model import Peer, Plan, Sidecar

EGRESS: Final = "egress"

# What a program sends to its proxy for https://; a tunnel would pass every filter.
_NO_TUNNEL: Final = refusals.Refusal(
    code="plain-http-only",
    only_for=404,
    headers_match=(header_is(":method", "CONNECT"),),
    status=400,
    title="Bad Request",
    detail="Write http:// in place of https://: the sidecars encrypt what services say to each other.",
)
_PEER_UNAVAILABLE: Final = replace(
    refusals.SERVICE_UNAVAILABLE, detail="The service '%ROUTE_NAME%' cannot be reached."
)


def egress(plan: Plan, sidecar: Sidecar) -> Listener:
    """Take `http://NAME/…`, as a forward proxy or by the Host header, and send it to NAME's sidecar."""
    manager = connection_manager(EGRESS, sidecar.workload)
    manager.preserve_external_request_id = True
    manager.skip_xff_append = True
    manager.strip_any_host_port = True
    manager.tracing = trace_context(plan, sidecar.workload)
    manager.http_filters = egress_chain(plan, sidecar)
    manager.local_reply_config = refusals.local_replies(
        (_NO_TUNNEL, _not_called(sidecar), _PEER_UNAVAILABLE, *refusals.BY_STATUS), plan.mesh
    )
    manager.access_log = audit_log(plan, sidecar.workload, "egress")
    return listener(EGRESS, sidecar.egress, manager)


def egress_routes(sidecar: Sidecar) -> RouteConfiguration:
    """Give a way to each service that may be called, and an answer for all others."""
    return RouteConfiguration(
        name=EGRESS,
        virtual_hosts=[
            *(_peer(peer) for peer in sidecar.peers),
            _anybody_else(),
        ],
    )


@shared
def _peer(peer: Peer) -> VirtualHost:
    route = Route(name=peer.service, match=below("/"), route=to_cluster(names.peer_cluster(peer.service)))
    return VirtualHost(name=peer.service, domains=[peer.service], retry_policy=RETRIES, routes=[route])


@shared
def _anybody_else() -> VirtualHost:
    refused = answer("not-called", RouteMatch(prefix="/"), 403)
    return VirtualHost(name="anybody-else", domains=["*"], routes=[refused])


def _not_called(sidecar: Sidecar) -> refusals.Refusal:
    named = ", ".join(peer.service for peer in sidecar.peers)
    return refusals.Refusal(
        code="peer-not-called",
        when="response.code_details == 'direct_response'",
        status=403,
        title="Forbidden",
        detail=(
            f"'{sidecar.service}' may not call '%REQ(:AUTHORITY)%': "
            f"name it under services.{sidecar.service}.calls in pillion.yaml ({named or 'nobody'} so far)."
        ),
    )
