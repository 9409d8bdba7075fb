"""The admission webhook in a cluster: two pods, and what has the API server ask them.

It looks after the mesh's own namespace alone: no other one waits for it. Decision 42 says who is asked about, and
what happens while it is away.
"""

from collections.abc import Mapping
from typing import Any, Final, get_args

from pillion.kubernetes import binding_policy, pods, told
from pillion.kubernetes.certificates import serving
from pillion.kubernetes.containers import ENVOY_IMAGE, FOLDER
from pillion.kubernetes.inject import ServiceFacts
from pillion.kubernetes.names import (
    COMPONENT_LABEL,
    COMPONENTS,
    NAMESPACE_NAME,
    PROGRAM_IMAGE,
    SERVICE_LABEL,
    WEBHOOK,
    Cluster,
    head,
    of_the_cluster,
    selector,
)
from pillion.kubernetes.webhook import config, review

# Other names than those of a service that is called 'webhook'.
_CONFIG: Final = "pillion-webhook-config"
_TLS: Final = "pillion-webhook-tls"
_POLICY: Final = "pillion-webhook-ingress"

PORT: Final = 8443
_REPLICAS: Final = 2
_GOES_ON_SECONDS: Final = 10
_CERTIFICATES: Final = "certificates"

# Of changes only those that it looks at, so that pods end and report while it is away (CEL).
_LABELS: Final = "(has({0}.metadata.labels) ? {0}.metadata.labels : {{}})"
_CHANGED: Final = (
    "request.operation == 'CREATE' || object.spec != oldObject.spec || "
    f"{_LABELS.format('object')} != {_LABELS.format('oldObject')}"
)
_CHANGEABLE: Final = tuple(f"pods/{name}" if name else "pods" for name in get_args(review.Subresource))


def documents(cluster: Cluster, services: Mapping[str, ServiceFacts]) -> list[dict[str, Any]]:
    """Write them; `services` is what the webhook has to know of each."""
    data = {config.FILE: told.text(config.told(cluster.namespace, services))}
    host = f"{WEBHOOK}.{cluster.namespace}.svc"
    return [
        pods.config_map(cluster, _CONFIG, data, WEBHOOK),
        serving(cluster, WEBHOOK, _TLS, host),
        pods.deployment(cluster, WEBHOOK, _template(cluster), _REPLICAS),
        _service(cluster),
        pods.disruption_budget(cluster, WEBHOOK),
        _policy(cluster),
        _configuration(cluster, "MutatingWebhookConfiguration", [_mutating(cluster)]),
        _configuration(cluster, "ValidatingWebhookConfiguration", [_services(cluster), _others(cluster)]),
        *binding_policy.documents(cluster),
    ]


def _template(cluster: Cluster) -> dict[str, Any]:
    ready = {"httpGet": {"path": "/ready", "port": PORT, "scheme": "HTTPS"}}
    words = ["pillion.kubernetes.webhook", "--bind", f"0.0.0.0:{PORT}", "--certificates", _CERTIFICATES]
    container = {
        "name": WEBHOOK,
        "image": PROGRAM_IMAGE,
        "workingDir": FOLDER,
        "command": ["python", "-P", "-m", *words],
        "env": [
            {"name": "PILLION_WEBHOOK_CONFIG", "value": f"{FOLDER}/config/{config.FILE}"},
            {"name": "PILLION_ENVOY_IMAGE", "value": ENVOY_IMAGE},
        ],
        "ports": [{"name": "https", "containerPort": PORT}],
        "startupProbe": {**ready, "periodSeconds": 1, "failureThreshold": 120},
        "readinessProbe": {**ready, "periodSeconds": 5},
        "livenessProbe": {**ready, "periodSeconds": 30, "timeoutSeconds": 10},
        "lifecycle": {"preStop": {"sleep": {"seconds": _GOES_ON_SECONDS}}},
        "securityContext": dict(pods.AS_PILLION),
        "resources": {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [
            pods.mount("pillion-config", "config"),
            pods.mount("pillion-tls", _CERTIFICATES),
            {"name": "pillion-tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }
    volumes = [
        {"name": "pillion-config", "configMap": {"name": _CONFIG}},
        {"name": "pillion-tls", "secret": {"secretName": _TLS}},
        {"name": "pillion-tmp", "emptyDir": {}},
    ]
    return pods.template(cluster, WEBHOOK, {"containers": [container], "volumes": volumes})


def _service(cluster: Cluster) -> dict[str, Any]:
    port = {"name": "https", "port": 443, "targetPort": PORT}
    return {
        **head(cluster, "Service", WEBHOOK, WEBHOOK),
        "spec": {"type": "ClusterIP", "selector": selector(WEBHOOK), "ports": [port]},
    }


def _policy(cluster: Cluster) -> dict[str, Any]:
    """Let everybody ask, since an API server has no pod to be known by, and let the webhook ask nobody."""
    return {
        **head(cluster, "NetworkPolicy", _POLICY, WEBHOOK),
        "spec": {
            "podSelector": {"matchLabels": selector(WEBHOOK)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": PORT}]}],
            "egress": [],
        },
    }


def _configuration(cluster: Cluster, kind: str, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    document = of_the_cluster(cluster, kind, WEBHOOK)
    # cert-manager writes into it by whom the certificate is signed.
    document["metadata"]["annotations"] = {"cert-manager.io/inject-ca-from": f"{cluster.namespace}/{_TLS}"}
    return {**document, "webhooks": webhooks}


def _mutating(cluster: Cluster) -> dict[str, Any]:
    """Give new pods of services their sidecar; again, if another webhook has changed the pod since."""
    return {
        **_webhook(cluster, "inject.pillion.dev", "/mutate", [_is_of_a_service("Exists")]),
        "rules": [_rule(["CREATE"], ["pods"])],
        "reinvocationPolicy": "IfNeeded",
    }


def _services(cluster: Cluster) -> dict[str, Any]:
    """Look at every pod of a service, whatever changed it on its way."""
    return {
        **_webhook(cluster, "services.pillion.dev", "/validate", [_is_of_a_service("Exists")]),
        "rules": [_rule(["CREATE", "UPDATE"], [*_CHANGEABLE])],
        "matchConditions": [{"name": "something-changed", "expression": _CHANGED}],
    }


def _others(cluster: Cluster) -> dict[str, Any]:
    """Look at every other pod of the namespace but Pillion's own, which start before there is a webhook."""
    expressions = [
        _is_of_a_service("DoesNotExist"),
        {"key": COMPONENT_LABEL, "operator": "NotIn", "values": [*COMPONENTS]},
    ]
    return {
        **_webhook(cluster, "others.pillion.dev", "/validate", expressions),
        "rules": [_rule(["CREATE", "UPDATE"], [*_CHANGEABLE])],
        "matchConditions": [{"name": "something-changed", "expression": _CHANGED}],
    }


def _webhook(cluster: Cluster, name: str, path: str, of_pods: list[dict[str, Any]]) -> dict[str, Any]:
    service = {"name": WEBHOOK, "namespace": cluster.namespace, "path": path, "port": 443}
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": service},
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: cluster.namespace}},
        "objectSelector": {"matchExpressions": of_pods},
        "sideEffects": "None",
        "timeoutSeconds": 10,
    }


def _rule(operations: list[str], resources: list[str]) -> dict[str, Any]:
    return {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    }


def _is_of_a_service(operator: str) -> dict[str, Any]:
    return {"key": SERVICE_LABEL, "operator": operator}
