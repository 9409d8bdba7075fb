"""From a plan to the text of every Envoy's files."""

import hashlib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any as Json
from typing import Final

import betterproto2
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration

from pillion.envoy import names
from pillion.envoy.bootstrap import bootstrap
from pillion.envoy.clusters import edge_clusters, sidecar_clusters
from pillion.envoy.control_sidecar import control_clusters, control_listeners, control_routes
from pillion.envoy.edge import EDGE, edge, edge_routes
from pillion.envoy.egress import EGRESS, egress, egress_routes
from pillion.envoy.identity_sidecar import identity_clusters, identity_listeners, identity_routes
from pillion.envoy.inbound import INBOUND, inbound, inbound_routes
from pillion.envoy.known import known_files, with_no_key
from pillion.envoy.own_sidecar import CONTROL, IDENTITY
from pillion.envoy.packed import pack
from pillion.envoy.plain import plain
from pillion.envoy.pod_listeners import APP_HEALTH, Asked, admin_cluster, pod_listeners
from pillion.envoy.secrets import mounted_secrets
from pillion.envoy.telemetry import relay, telemetry_clusters
from pillion.envoy.tls import certificate_secret
from pillion.envoy.watched import beside, watched_folder
from pillion.plan.model import Plan, Pods, Sidecar, Workload
from pillion.yaml_writer import document

# A file longer than this is written in short: of what an edge is told of a hundred services that takes two thirds
# away, and an object of Kubernetes holds 1 MiB.
_LONG: Final = 128 * 1024


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


def pod_names(plan: Plan) -> tuple[str, ...]:
    """Name the workloads of a plan of pods, each of which has files of its own."""
    return tuple(sorted(plan.spiffe_ids))


def render_pod(plan: Plan, name: str) -> dict[str, str]:
    """Write all files of one workload in a pod, by their bare names."""
    if plan.pods is None:
        raise ValueError("a plan of one machine has no pods")
    if name == plan.edge.workload.name:
        files = _edge_files(plan)
    elif name in plan.by_service:
        files = _sidecar_files(plan, plan.by_service[name])
    else:
        own = {IDENTITY.name: _identity_files, CONTROL.name: _control_files}
        files = own[name](plan, plan.pods)
    bare = {path.removeprefix(f"{name}/"): text for path, text in files.items()}
    return bare | mounted_secrets(name)


def affected(before: Plan, after: Plan) -> frozenset[str]:
    """Name the Envoys of `after` whose files are others than they were in `before`, or may be."""
    if _everywhere(before) != _everywhere(after):
        return frozenset(after.spiffe_ids)
    were = {sidecar.workload.name: sidecar for sidecar in before.sidecars}
    moved = before.identity != after.identity
    changed = {
        sidecar.workload.name
        for sidecar in after.sidecars
        if were.get(sidecar.workload.name) != sidecar or (moved and sidecar.peers)
    }
    if _at_the_edge(before) != _at_the_edge(after):
        changed.add(after.edge.workload.name)
    if after.pods and before.pods:
        changed |= {IDENTITY.name} if before.pods.token_callers != after.pods.token_callers else set()
        changed |= {CONTROL.name} if before.pods.stream_callers != after.pods.stream_callers else set()
    return frozenset(changed)


def _everywhere(plan: Plan) -> tuple[object, ...]:
    """Give what stands in the files of every Envoy."""
    return (plan.mesh, plan.verification, plan.collector, plan.control, plan.pods is None)


def _at_the_edge(plan: Plan) -> tuple[object, ...]:
    return plan.edge, plan.identity, [(sidecar.service, sidecar.reached) for sidecar in plan.sidecars]


def _in_pods(plan: Plan, health: str | None = None) -> list[Listener]:
    if plan.pods is None:
        return []
    return pod_listeners([Asked(APP_HEALTH, names.APP, health)] if health else [])


def _admin(plan: Plan, workload: Workload) -> list[Cluster]:
    return [] if plan.pods is None else [admin_cluster(workload)]


def _identity_files(plan: Plan, pods: Pods) -> dict[str, str]:
    return _own_files(
        plan, IDENTITY, identity_listeners(plan, pods), identity_routes(plan, pods), identity_clusters()
    )


def _control_files(plan: Plan, pods: Pods) -> dict[str, str]:
    return _own_files(plan, CONTROL, control_listeners(plan, pods), control_routes(pods), control_clusters())


def _own_files(
    plan: Plan,
    workload: Workload,
    listeners: list[Listener],
    routes: RouteConfiguration,
    clusters: list[Cluster],
) -> dict[str, str]:
    return {
        names.BOOTSTRAP_FILE: _yaml(bootstrap(plan.mesh, workload, None)),
        names.LISTENERS_FILE: _resources(listeners),
        names.routes_file(INBOUND): _resources([routes]),
        names.CLUSTERS_FILE: _resources([*clusters, *telemetry_clusters(plan, workload)]),
    }


def _edge_files(plan: Plan) -> dict[str, str]:
    name = plan.edge.workload.name
    written = {
        names.BOOTSTRAP_FILE: _yaml(bootstrap(plan.mesh, plan.edge.workload, plan.control)),
        names.LISTENERS_FILE: _resources([edge(plan), *relay(plan), *_in_pods(plan)]),
        names.routes_file(EDGE): _resources([edge_routes(plan)]),
        names.CLUSTERS_FILE: _resources(
            [
                *edge_clusters(plan.edge, plan.identity, plan.sidecars),
                *telemetry_clusters(plan, plan.edge.workload),
                *_admin(plan, plan.edge.workload),
            ]
        ),
    }
    if plan.edge.tls is not None:
        watched = (
            watched_folder(plan.edge.workload) if plan.pods is None else beside(plan.edge.tls.certificate)
        )
        written[names.CERTIFICATE_FILE] = _resources([certificate_secret(plan.edge.tls, watched)])
    return {f"{name}/{file}": text for file, text in written.items()}


def _sidecar_files(plan: Plan, sidecar: Sidecar) -> dict[str, str]:
    name = sidecar.workload.name
    return {
        f"{name}/{names.BOOTSTRAP_FILE}": _yaml(bootstrap(plan.mesh, sidecar.workload, plan.control)),
        f"{name}/{names.LISTENERS_FILE}": _resources(
            [
                inbound(plan, sidecar),
                egress(plan, sidecar),
                *_in_pods(plan, sidecar.health),
            ]
        ),
        f"{name}/{names.routes_file(INBOUND)}": _resources([inbound_routes(sidecar)]),
        f"{name}/{names.routes_file(EGRESS)}": _resources([egress_routes(sidecar)]),
        f"{name}/{names.CLUSTERS_FILE}": _resources(
            [
                *sidecar_clusters(sidecar, plan.identity),
                *telemetry_clusters(plan, sidecar.workload),
                *_admin(plan, sidecar.workload),
            ]
        ),
    }


def _resources(messages: Iterable[betterproto2.Message]) -> str:
    """Write what a management server would have answered: the form of Envoy's filesystem subscriptions.

    The version is the content's digest: an Envoy says by it which content it has taken up.
    """
    found = {"resources": [plain(pack(message)) for message in messages]}
    content = document(found)
    if len(content) > _LONG:
        content = document(found, short=True)
    # A letter first, so that nobody takes it for a number, and it stands there without quotation marks.
    version = f"v{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    return document({"version_info": version}) + content


def _yaml(message: betterproto2.Message) -> str:
    return document(plain(message))
