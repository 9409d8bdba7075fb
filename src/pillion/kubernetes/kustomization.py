"""What Kustomize is told to take together."""

from collections.abc import Iterable
from typing import Any


def base(files: Iterable[str]) -> dict[str, Any]:
    """List what is applied."""
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": [*files]}


def component(files: Iterable[str]) -> dict[str, Any]:
    """List what an overlay may add."""
    return {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": [*files]}
