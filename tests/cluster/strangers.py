"""Pods that are none of the shop's, from which connections are tried: a neighbour, an impostor, Prometheus."""

from typing import Any, Final

STRANGER: Final = "stranger"
ELSEWHERE: Final = "elsewhere"
PROMETHEUS: Final = "prometheus"
_LABELS: Final = {
    (STRANGER, "shop"): {"app.kubernetes.io/name": "orders"},
    (ELSEWHERE, "other"): {"pillion.dev/component": "edge", "pillion.dev/service": "orders"},
    (PROMETHEUS, "monitoring"): {},
}
NAMES: Final = frozenset(name for name, _ in _LABELS)


def documents() -> list[dict[str, Any]]:
    """Give their namespaces and pods."""
    allowed = {"pillion.dev/metrics": "true"}
    others = [("other", {}), ("monitoring", allowed)]
    return [
        *({"kind": "Namespace", "metadata": {"name": name, "labels": labels}} for name, labels in others),
        *(_pod(name, namespace, labels) for (name, namespace), labels in _LABELS.items()),
    ]


def _pod(name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    container = {"name": "idle", "image": "python:3", "command": ["sleep", "infinity"]}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }
