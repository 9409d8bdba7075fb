"""From a plan to the text of every Envoy's files."""

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any as Json

import betterproto2
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse
from envoy_data_plane.google.protobuf import Any

from pillion.envoy import names
from pillion.envoy.bootstrap import bootstrap
from pillion.envoy.clusters import edge_clusters, sidecar_clusters
from pillion.envoy.edge import EDGE, edge, edge_routes
from pillion.envoy.egress import EGRESS, egress, egress_routes
from pillion.envoy.inbound import INBOUND, inbound, inbound_routes
from pillion.envoy.known import known_files, with_no_key
from pillion.envoy.telemetry import relay, telemetry_clusters
from pillion.envoy.text import as_yaml
from pillion.envoy.tls import certificate_secret
from pillion.plan.model import Plan, Sidecar


def render(plan: Plan, jwks: Mapping[str, Json]) -> dict[str, str]:
    """Write the configuration of every Envoy of `plan`, and the keys that they start with.

    `jwks` is the public key set (RFC 7517, section 5) that tokens are checked with until control says otherwise;
    of other issuers no key is known yet. Gives the files' text by path, such as `orders/listeners.yaml`. The same
    input gives the same bytes.
    """
    unknown = {issuer.name: with_no_key() for issuer in plan.verification.trusted}
    return render_structure(plan) | known_files(jwks, trusted=unknown)


def render_structure(plan: Plan) -> dict[str, str]:
    """Write what does not depend on the keys: bootstraps, listeners, routes, clusters, certificates' places."""
    return render_workloads(plan, {plan.edge.workload.name, *(s.workload.name for s in plan.sidecars)})


def render_workloads(plan: Plan, workloads: AbstractSet[str]) -> dict[str, str]:
    """Write the same for some of the Envoys, by name."""
    written = _edge_files(plan) if plan.edge.workload.name in workloads else {}
    for sidecar in plan.sidecars:
        if sidecar.workload.name in workloads:
            written |= _sidecar_files(plan, sidecar)
    return written


def affected(before: Plan, after: Plan) -> frozenset[str]:
    """Name the Envoys of `after` whose files are others than they were in `before`, or may be."""
    everywhere = (before.mesh, before.verification, before.collector) != (
        after.mesh,
        after.verification,
        after.collector,
    )
    were = {sidecar.workload.name: sidecar for sidecar in before.sidecars}
    at_the_edge = [
        (plan.edge, plan.identity, [(sidecar.service, sidecar.inbound) for sidecar in plan.sidecars])
        for plan in (before, after)
    ]
    moved = before.identity != after.identity
    changed = {
        sidecar.workload.name
        for sidecar in after.sidecars
        if everywhere or were.get(sidecar.workload.name) != sidecar or (moved and sidecar.peers)
    }
    return frozenset(
        changed | {after.edge.workload.name} if everywhere or at_the_edge[0] != at_the_edge[1] else changed
    )


def _edge_files(plan: Plan) -> dict[str, str]:
    name = plan.edge.workload.name
    written = {
        names.BOOTSTRAP_FILE: _yaml(bootstrap(plan.mesh, plan.edge.workload)),
        names.LISTENERS_FILE: _resources([edge(plan), *relay(plan)]),
        names.routes_file(EDGE): _resources([edge_routes(plan)]),
        names.CLUSTERS_FILE: _resources(
            [
                *edge_clusters(plan.edge, plan.identity, plan.sidecars),
                *telemetry_clusters(plan, plan.edge.workload),
            ]
        ),
    }
    if plan.edge.tls is not None:
        written[names.CERTIFICATE_FILE] = _resources([certificate_secret(plan.edge.tls, plan.edge.workload)])
    return {f"{name}/{file}": text for file, text in written.items()}


def _sidecar_files(plan: Plan, sidecar: Sidecar) -> dict[str, str]:
    name = sidecar.workload.name
    return {
        f"{name}/{names.BOOTSTRAP_FILE}": _yaml(bootstrap(plan.mesh, sidecar.workload)),
        f"{name}/{names.LISTENERS_FILE}": _resources([inbound(plan, sidecar), egress(plan, sidecar)]),
        f"{name}/{names.routes_file(INBOUND)}": _resources([inbound_routes(sidecar)]),
        f"{name}/{names.routes_file(EGRESS)}": _resources([egress_routes(sidecar)]),
        f"{name}/{names.CLUSTERS_FILE}": _resources(
            [*sidecar_clusters(sidecar, plan.identity), *telemetry_clusters(plan, sidecar.workload)]
        ),
    }


def _resources(messages: Iterable[betterproto2.Message]) -> str:
    """Write what a management server would have answered: the form of Envoy's filesystem subscriptions.

    The version is the content's digest: an Envoy says by it which content it has taken up.
    """
    packed = [Any.pack(message) for message in messages]
    version = hashlib.sha256(b"".join(one.value for one in packed)).hexdigest()[:16]
    return _yaml(DiscoveryResponse(version_info=version, resources=packed))


def _yaml(message: betterproto2.Message) -> str:
    # As the field is called: Casing.SNAKE makes `5_xx` of `5xx`, and Envoy overlooks what it does not know.
    return as_yaml(message.to_dict(casing=str))  # type: ignore[arg-type]
