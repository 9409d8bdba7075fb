"""The edge in a cluster: the one workload that the outer world reaches."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pillion.kubernetes import containers, network_policies, pods
from pillion.kubernetes.certificates import certificate
from pillion.kubernetes.names import EDGE, EDGE_TLS, Cluster, head, selector
from pillion.plan import Plan

_TLS_VOLUME: Final = "pillion-edge-tls"
_THREADS: Final = 2
_LONG: Final = 128 * 1024
# Two at least, so that one may go; how many are enough, the load says.
_LEAST: Final = 2
_MOST: Final = 10
# Balancers and names need a while to forget a pod that goes; so long it serves, and asks connections to end.
_GOES_ON_SECONDS: Final = 20
_GRACE_SECONDS: Final = 60


def documents(cluster: Cluster, plan: Plan, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Write them; `files` are the files of its Envoy."""
    held = _held(files)
    return [
        *(pods.config_map(cluster, name, data, EDGE) for name, data in held.items()),
        certificate(cluster, EDGE, plan.edge.spiffe_id),
        pods.deployment(cluster, EDGE, _template(cluster, plan, held), None),
        _service(cluster, plan),
        _autoscaler(cluster),
        pods.disruption_budget(cluster, EDGE),
        network_policies.edge(cluster, plan),
    ]


def _held(files: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """Say which ConfigMaps hold the files: one, and where they do not fit in there, each long file its own.

    No service's is called like those: no service's name has a dot.
    """
    first = containers.files_map(EDGE)
    if sum(len(text.encode()) for text in files.values()) <= pods.CONFIG_MAP_BYTES:
        return {first: files}
    long: dict[str, str] = {name: text for name, text in files.items() if len(text) > _LONG}
    rest = {name: text for name, text in files.items() if name not in long}
    return {first: rest} | {f"{first}-{name}": {name: text} for name, text in long.items()}


def _template(cluster: Cluster, plan: Plan, config_maps: Iterable[str]) -> dict[str, Any]:
    envoy = containers.envoy("envoy", EDGE, threads=_THREADS)
    envoy["ports"] = [
        {"name": _protocol(plan), "containerPort": plan.edge.listen.port},
        *(port for port in envoy["ports"] if port["containerPort"] == containers.PROBES_PORT),
    ]
    envoy |= {
        "startupProbe": containers.listens(plan.edge.listen.port),
        "readinessProbe": pods.asks("/ready", periodSeconds=5, failureThreshold=2),
        "lifecycle": {"preStop": {"exec": {"command": ["bash", "-c", _DRAIN]}}},
        "resources": {"requests": {"cpu": "500m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
    }
    volumes = containers.volumes(EDGE, config_maps)
    if plan.edge.tls is not None:
        envoy["volumeMounts"] = [*envoy["volumeMounts"], pods.mount(_TLS_VOLUME, "edge-tls")]
        volumes.append({"name": _TLS_VOLUME, "secret": {"secretName": EDGE_TLS}})
    spec = {
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "containers": [envoy],
        "volumes": volumes,
    }
    return pods.template(cluster, EDGE, spec)


# The image has no HTTP client, but a shell.
_DRAIN: Final = (
    f"exec 3<>/dev/tcp/127.0.0.1/{containers.DRAIN_PORT}; "
    r"printf 'POST /drain HTTP/1.1\r\nhost: drain\r\ncontent-length: 0\r\n\r\n' >&3; "
    f"sleep {_GOES_ON_SECONDS}"
)


def _service(cluster: Cluster, plan: Plan) -> dict[str, Any]:
    """Give the edge an address in the cluster; a load balancer or an Ingress before it is the overlay's."""
    port = {
        "name": _protocol(plan),
        "port": 443 if plan.edge.tls else 80,
        "targetPort": plan.edge.listen.port,
    }
    return {
        **head(cluster, "Service", EDGE, EDGE),
        "spec": {"type": "ClusterIP", "selector": selector(EDGE), "ports": [port]},
    }


def _protocol(plan: Plan) -> str:
    return "https" if plan.edge.tls else "http"


def _autoscaler(cluster: Cluster) -> dict[str, Any]:
    return {
        **head(cluster, "HorizontalPodAutoscaler", EDGE, EDGE),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": EDGE},
            "minReplicas": _LEAST,
            "maxReplicas": _MOST,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }
