"""What things are called in a cluster: objects, labels, namespaces."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

PROGRAM_IMAGE: Final = f"pillion:{version('pillion')}"

EDGE: Final = "edge"
IDENTITY: Final = "identity"
CONTROL: Final = "control"
WEBHOOK: Final = "pillion-webhook"
COMPONENTS: Final = (EDGE, IDENTITY, CONTROL, WEBHOOK)

# Whose pod it is: Services and NetworkPolicies select by these, so injection and the webhook look after them.
SERVICE_LABEL: Final = "pillion.dev/service"
COMPONENT_LABEL: Final = "pillion.dev/component"
# On a namespace whose pods may ask for metrics.
METRICS_LABEL: Final = "pillion.dev/metrics"
# On every namespace, by the API server.
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
# On the pods of identity and control, which start anew when what they are told has changed.
CONFIG_ANNOTATION: Final = "pillion.dev/config"

KNOWN: Final = "pillion-known"
KNOWN_SEED: Final = "pillion-known-seed"
IDENTITY_CONFIG: Final = "pillion-identity-config"
CONTROL_CONFIG: Final = "pillion-control-config"
SECRET: Final = "pillion-identity"  # noqa: S105 - a name
EDGE_TLS: Final = "pillion-edge-tls"
ISSUER: Final = "pillion"
AUTHORITY: Final = "pillion-ca"


@dataclass(frozen=True)
class Cluster:
    """Where a mesh is to live: its own name, and the namespace."""

    mesh: str
    namespace: str


def labels(cluster: Cluster, name: str) -> dict[str, str]:
    """Give the labels of an object that belongs to the workload `name`, or to the mesh as a whole."""
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": cluster.mesh,
        "app.kubernetes.io/managed-by": "pillion",
    }


def selector(workload: str) -> dict[str, str]:
    """Give the label by which the pods of a workload are selected."""
    if workload in COMPONENTS:
        return {COMPONENT_LABEL: workload}
    return {SERVICE_LABEL: workload}


def head(cluster: Cluster, kind: str, name: str, workload: str | None = None) -> dict[str, Any]:
    """Begin a document: what it is, and whose (`workload`; the mesh's when left out)."""
    return {
        "apiVersion": _VERSIONS[kind],
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": labels(cluster, workload or cluster.mesh),
        },
    }


def of_the_cluster(cluster: Cluster, kind: str, workload: str) -> dict[str, Any]:
    """Begin a document that is in no namespace, and of which each mesh has one."""
    document = head(cluster, kind, f"pillion-{cluster.namespace}", workload)
    del document["metadata"]["namespace"]
    return document


_VERSIONS: Final = {
    "Certificate": "cert-manager.io/v1",
    "ConfigMap": "v1",
    "Deployment": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Issuer": "cert-manager.io/v1",
    "MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
}
