"""No label comes to a pod by the back door: a Binding, which tells a pod its node, may bring none of Pillion's.

From Kubernetes 1.35 on a pod takes over the labels of its Binding (KEP 4742), and no webhook looks at the pod any
more. Who may bind pods, as schedulers do, could make one without a sidecar a service's, or the edge's. It is a
policy, which the API server works out by itself: no pod waits for its node because the webhook is away.
"""

from typing import Any, Final

from pillion.kubernetes.names import NAMESPACE_NAME, WEBHOOK, Cluster, of_the_cluster

_PREFIX: Final = "pillion.dev/"
_ALLOWED: Final = (
    f"!has(object.metadata.labels) || !object.metadata.labels.exists(name, name.startsWith('{_PREFIX}'))"
)

_MESSAGE: Final = f"pillion: metadata.labels: a pod has its labels of '{_PREFIX}' from the start, or never"


def documents(cluster: Cluster) -> list[dict[str, Any]]:
    """Write the policy, and what puts it into force."""
    policy = of_the_cluster(cluster, "ValidatingAdmissionPolicy", WEBHOOK)
    binding = of_the_cluster(cluster, "ValidatingAdmissionPolicyBinding", WEBHOOK)
    name = policy["metadata"]["name"]
    return [
        {**policy, "spec": _spec(cluster)},
        {**binding, "spec": {"policyName": name, "validationActions": ["Deny"]}},
    ]


def _spec(cluster: Cluster) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        # The first is the older way to the same.
        "resources": ["bindings", "pods/binding"],
        "scope": "Namespaced",
    }
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: cluster.namespace}},
            "resourceRules": [rule],
        },
        "validations": [
            {
                "expression": _ALLOWED,
                "message": _MESSAGE,
                "reason": "Forbidden",
            }
        ],
    }
