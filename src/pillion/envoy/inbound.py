"""A sidecar's inbound listener: the only way to its service."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import (
    Route,
    RouteAction,
    RouteConfiguration,
    VirtualHost,
)

from pillion.envoy import names, refusals
from pillion.envoy.audit_log import audit_log, refused_handshakes
from pillion.envoy.chain import sidecar_chain
from pillion.envoy.connection import connection_manager, listener
from pillion.envoy.filters.callers import CALLER_DETAILS, only
from pillion.envoy.filters.challenge import asked_by, scopes_of
from pillion.envoy.filters.rules import required_by
from pillion.envoy.grpc import app_or_grpc
from pillion.envoy.mtls import for_callers
from pillion.envoy.routes import NO_TIMEOUT, RETRIES, below, doubtful_host, doubtful_path
from pillion.envoy.shared import constant, shared
from pillion.envoy.tracing import trace_context
from pillion.plan.model import ANYONE, Edge, Plan, Rule, Sidecar

INBOUND: Final = "inbound"

_REFUSALS: Final = (
    refusals.TOKEN_EXPIRED,
    refusals.TOKEN_REVOKED,
    refusals.TOKEN_INVALID,
    refusals.SCOPE_MISSING,
    refusals.STEP_UP_REQUIRED,
    refusals.FORBIDDEN,
    refusals.TOKEN_MISSING,
    *refusals.BY_STATUS,
)


def inbound(plan: Plan, sidecar: Sidecar) -> Listener:
    """Verify, apply the rules, log, and hand the request to the service."""
    manager = connection_manager(INBOUND, sidecar.workload)
    # The edge made the request id; only a request that came another way lacks one.
    manager.preserve_external_request_id = True
    # The application sees the client's address as the edge wrote it down.
    manager.skip_xff_append = True
    manager.tracing = trace_context(plan, sidecar.workload)
    manager.http_filters = [*sidecar_chain(plan.verification)]
    manager.local_reply_config = refusals.local_replies(
        (_not_allowed(sidecar), _unavailable(sidecar, plan.edge), *_REFUSALS), plan.mesh
    )
    manager.access_log = audit_log(plan, sidecar.workload, "inbound")
    door = listener(INBOUND, sidecar.inbound, manager)
    door.filter_chains[0].transport_socket = for_callers(sidecar.workload)
    door.access_log = refused_handshakes(plan, sidecar.workload)
    return door


def inbound_routes(sidecar: Sidecar) -> RouteConfiguration:
    """Give a route for each rule, in their order."""
    return RouteConfiguration(
        name=INBOUND,
        # Only an Envoy may say why it refused; a service that says so would muddle the log.
        response_headers_to_remove=[names.REFUSED_HEADER],
        virtual_hosts=[
            VirtualHost(
                name=sidecar.service,
                domains=["*"],
                retry_policy=RETRIES,
                typed_per_filter_config=only(sidecar.callers),
                routes=[
                    *_malformed(),
                    *map(_route, sidecar.rules),
                ],
            )
        ],
    )


def _not_allowed(sidecar: Sidecar) -> refusals.Refusal:
    return refusals.Refusal(
        code="caller-not-allowed",
        when=f"response.code_details == '{CALLER_DETAILS}'",
        status=403,
        title="Forbidden",
        detail=(
            f"%DOWNSTREAM_PEER_URI_SAN% may not call '{sidecar.service}': a service is called by those "
            "that name it under 'calls' in pillion.yaml, and by the edge if it has 'paths'."
        ),
    )


def _unavailable(sidecar: Sidecar, edge: Edge) -> refusals.Refusal:
    """Name the service to another one that called it; not to the outer world."""
    return replace(
        refusals.SERVICE_UNAVAILABLE,
        when=f"connection.uri_san_peer_certificate != '{edge.spiffe_id}'",
        detail=f"The service '{sidecar.service}' cannot be reached.",
    )


@cache
def _malformed() -> Sequence[Route]:
    config = required_by("malformed", ANYONE)
    return constant(doubtful_path(config)), constant(doubtful_host(config))


@shared
def _route(rule: Rule) -> Route:
    return Route(
        name=rule.name,
        match=below(rule.path, rule.methods),
        route=RouteAction(inline_cluster_specifier_plugin=app_or_grpc(), timeout=NO_TIMEOUT),
        metadata=scopes_of(rule.requires),
        typed_per_filter_config=asked_by(rule.requires) | required_by(rule.name, rule.requires),
    )
