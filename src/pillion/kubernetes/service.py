"""A service in a cluster: what it needs beside its own Deployment, and that too, if there is an image."""

from collections.abc import Mapping
from typing import Any, Final

from pillion.kubernetes import containers, inject, network_policies, pods
from pillion.kubernetes.certificates import certificate
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.kubernetes.names import Cluster
from pillion.plan import Plan

_MTLS_PORT: Final = {"name": "mtls", "port": containers.INBOUND_PORT, "targetPort": containers.INBOUND_PORT}
_REPLICAS: Final = 2
_TMP_VOLUME: Final = "tmp"


def documents(
    cluster: Cluster, plan: Plan, facts: ServiceFacts, image: str | None, files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Write them; `files` are the files of the service's Envoy."""
    name = facts.name
    sidecar = plan.by_service[name]
    return [
        pods.config_map(cluster, containers.files_map(name), files, name),
        certificate(cluster, name, sidecar.spiffe_id),
        *([_deployment(cluster, facts, image)] if image else []),
        pods.headless_service(cluster, name, [_MTLS_PORT]),
        pods.disruption_budget(cluster, name),
        network_policies.service(cluster, plan, sidecar),
    ]


def _deployment(cluster: Cluster, facts: ServiceFacts, image: str) -> dict[str, Any]:
    """Run the image as a Deployment that a user might have written, and give it its sidecar as `inject` does."""
    program: dict[str, Any] = {
        "name": facts.name,
        "image": image,
        "securityContext": dict(pods.RESTRICTED),
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": _TMP_VOLUME, "mountPath": "/tmp"}],  # noqa: S108 - a volume of the pod's own
    }
    if facts.health is not None:  # else a pod counts as ready before its program listens
        asks = {"path": facts.health, "port": facts.app.port}
        program["readinessProbe"] = {"httpGet": asks, "periodSeconds": 5}
    spec = {"containers": [program], "volumes": [{"name": _TMP_VOLUME, "emptyDir": {}}]}
    bare = pods.template(cluster, facts.name, spec)
    return pods.deployment(cluster, facts.name, inject.pod(bare, facts).template, _REPLICAS)
