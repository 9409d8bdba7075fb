"""What all pods that are written here have in common: how they run, spread, are replaced and kept."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pillion.kubernetes import containers
from pillion.kubernetes.containers import FOLDER, PROBES_PORT
from pillion.kubernetes.names import Cluster, head, labels, selector

RESTRICTED: Final = containers.RESTRICTED
AS_PILLION: Final = containers.AS_PILLION

# What a cluster takes as one ConfigMap (Kubernetes' validation of ConfigMaps, MaxSecretSize).
CONFIG_MAP_BYTES: Final = 1024 * 1024

# Two on different nodes, and in different zones, where there are several.
_SPREAD_OVER: Final = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")


def deployment(
    cluster: Cluster, workload: str, template: dict[str, Any], replicas: int | None
) -> dict[str, Any]:
    """Keep pods of a workload running; a new one is ready before an old one is taken away.

    Without `replicas` something else says how many: what is applied later does not change it.
    """
    return {
        **head(cluster, "Deployment", workload, workload),
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": selector(workload)},
            "template": template,
        },
    }


def template(
    cluster: Cluster, workload: str, spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Describe a pod of a workload, spread over nodes and zones, and without a token for the cluster's API."""
    return {
        "metadata": {
            "labels": {**labels(cluster, workload), **selector(workload)},
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "topologySpreadConstraints": [_spread(workload, key) for key in _SPREAD_OVER],
            **spec,
        },
    }


def disruption_budget(cluster: Cluster, workload: str) -> dict[str, Any]:
    """Have nodes drained one pod of the workload at a time."""
    return {
        **head(cluster, "PodDisruptionBudget", workload, workload),
        "spec": {
            "maxUnavailable": 1,
            # One that is broken anyway must not keep a node from being emptied.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": selector(workload)},
        },
    }


def headless_service(cluster: Cluster, workload: str, ports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the pods of a workload a name that leads to all of them: Envoys choose one for each request."""
    return {
        **head(cluster, "Service", workload, workload),
        "spec": {"clusterIP": "None", "selector": selector(workload), "ports": [*ports]},
    }


def config_map(
    cluster: Cluster, name: str, data: Mapping[str, str], workload: str | None = None
) -> dict[str, Any]:
    """Hold files; they keep their name, so that pods take up what is new in them while they run."""
    return {**head(cluster, "ConfigMap", name, workload), "data": dict(data)}


def size(config_map: Mapping[str, Any]) -> int:
    """Give the bytes of a ConfigMap that count: its values'."""
    return sum(len(text.encode()) for text in config_map.get("data", {}).values())


def asks(path: str, **how: int) -> dict[str, Any]:
    """Probe a pod at the port that its Envoy has for that."""
    return {"httpGet": {"path": path, "port": PROBES_PORT}, **how}


def mount(volume: str, path: str, *, writable: bool = False) -> dict[str, Any]:
    """Mount a volume below the folder that everything of Pillion's has in a pod."""
    return {"name": volume, "mountPath": f"{FOLDER}/{path}", **({} if writable else {"readOnly": True})}


def _spread(workload: str, over: str) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": over,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(workload)},
    }
