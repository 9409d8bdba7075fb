"""A pod template and what is known of its service in, the template with the sidecar out."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from pillion.kubernetes import containers
from pillion.kubernetes.inject import app, refusals, shape
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.kubernetes.inject.remark import Manifest, RefusedError, Remark

# Says on a pod whose pod it is.
SERVICE_LABEL: Final = "pillion.dev/service"


@dataclass(frozen=True)
class Injected:
    """A pod template with the sidecar, and what should be said about it."""

    template: Manifest
    warnings: tuple[Remark, ...]


def pod(template: Manifest, facts: ServiceFacts, image: str = containers.ENVOY_IMAGE) -> Injected:
    """Add what a pod of the service needs to a pod template (`metadata` and `spec`), which stays as it was.

    A sidecar that is there already, of whatever version, is replaced by the right one: twice gives the same.
    Raises RefusedError where the sidecar could not protect the pod, or its key from the pod's other containers.
    """
    shape.check(template)
    if found := [*refusals.refusals(template)]:
        raise RefusedError(found)
    template = deepcopy(template)
    metadata, spec = _mapping(template, "metadata"), template["spec"]
    _mapping(metadata, "labels")[SERVICE_LABEL] = facts.name
    warnings = [*refusals.warnings(spec), *app.settle(metadata, spec, facts)]
    sidecar = containers.sidecar(facts.name, image)
    spec["initContainers"] = [sidecar, *_others(spec.get("initContainers"), {containers.SIDECAR})]
    volumes = containers.volumes(facts.name)
    spec["volumes"] = [*_others(spec.get("volumes"), containers.VOLUMES), *volumes]
    return Injected(template, tuple(warnings))


def _mapping(parent: Manifest, key: str) -> Manifest:
    """Give the mapping at `key`, made where there is none."""
    if parent.get(key) is None:
        parent[key] = {}
    made: Manifest = parent[key]
    return made


def _others(named: list[Any] | None, ours: set[str] | frozenset[str]) -> list[Any]:
    return [one for one in named or () if one["name"] not in ours]
