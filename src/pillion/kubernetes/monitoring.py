"""What watches a mesh: whom Prometheus asks (pods: a headless Service has no port for it), alerts, a dashboard."""

from typing import Any, Final

from pillion import monitoring
from pillion.kubernetes.names import (
    COMPONENT_LABEL,
    CONTROL,
    EDGE,
    IDENTITY,
    SERVICE_LABEL,
    Cluster,
    head,
)

_PORT: Final = "probes"
# Half of what an Envoy shows, and asked for by nobody: buckets of histograms, but for those of requests' time.
DROPPED: Final = (
    "envoy_(listener|server|extension_config_discovery|cluster_(internal|external))_.+_bucket"
    "|envoy_(http_downstream_cx|cluster_upstream_cx|cluster_upstream_rq_per_cx).*_bucket"
)
# By this label Grafana's sidecar, as its Helm chart sets it up, finds dashboards in ConfigMaps.
_DASHBOARD_LABEL: Final = {"grafana_dashboard": "1"}


def documents(cluster: Cluster) -> list[dict[str, Any]]:
    """Write a PodMonitor for the Envoys of services, one for Pillion's own, and one for identity itself.

    And the alerts, and the dashboard.
    """
    services = {"key": SERVICE_LABEL, "operator": "Exists"}
    own = {"key": COMPONENT_LABEL, "operator": "In", "values": [EDGE, IDENTITY, CONTROL]}
    identity = {"key": COMPONENT_LABEL, "operator": "In", "values": [IDENTITY]}
    return [
        _monitor(cluster, "pillion-services", services, "/metrics", SERVICE_LABEL),
        _monitor(cluster, "pillion-components", own, "/metrics", COMPONENT_LABEL),
        _monitor(cluster, "pillion-programs", identity, "/app/metrics", COMPONENT_LABEL),
        {**head(cluster, "PrometheusRule", "pillion"), "spec": {"groups": monitoring.groups()}},
        _dashboard(cluster),
    ]


def _dashboard(cluster: Cluster) -> dict[str, Any]:
    document = head(cluster, "ConfigMap", "pillion-dashboard")
    document["metadata"]["labels"] |= _DASHBOARD_LABEL
    return {**document, "data": {monitoring.DASHBOARD_FILE: monitoring.dashboard_text()}}


def _monitor(cluster: Cluster, name: str, pods: dict[str, Any], path: str, label: str) -> dict[str, Any]:
    """Each metric says of which workload it is, as those of `pillion up` do."""
    source = f"__meta_kubernetes_pod_label_{label.translate(str.maketrans('./-', '___'))}"
    endpoint = {
        "port": _PORT,
        "path": path,
        "interval": "30s",
        "relabelings": [{"sourceLabels": [source], "targetLabel": "workload"}],
        "metricRelabelings": [{"sourceLabels": ["__name__"], "regex": DROPPED, "action": "drop"}],
    }
    return {
        **head(cluster, "PodMonitor", name),
        "spec": {"selector": {"matchExpressions": [pods]}, "podMetricsEndpoints": [endpoint]},
    }
