"""Whether a pod has its sidecar as it should be, seen as the API server shows it: with every default filled in."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pillion.kubernetes import containers
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.kubernetes.inject.remark import Manifest, Path, Remark

# What the API server fills in where we say nothing (pkg/apis/core/v1/defaults.go).
_DEFAULTS: Final[Mapping[str, Any]] = {
    "apiVersion": "v1",
    "defaultMode": 0o644,
    "failureThreshold": 3,
    "periodSeconds": 10,
    "procMount": "Default",
    "protocol": "TCP",
    "scheme": "HTTP",
    "successThreshold": 1,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "timeoutSeconds": 1,
}
# The cluster's own to say: where an image comes from when, and how much of a node a container gets (LimitRange).
_FREE: Final = frozenset({"imagePullPolicy", "resizePolicy", "resources"})
_AGAIN: Final = "it was changed after injection: let pods be as 'pillion inject' makes them"


def lacking(pod: Manifest, facts: ServiceFacts, image: str) -> Iterator[Remark]:
    """Say what of the pod's sidecar and of its volumes is missing or is not as it should be."""
    spec = pod["spec"]
    yield from _one("initContainers", spec, containers.sidecar(facts.name, image))
    for volume in containers.volumes(facts.name):
        yield from _one("volumes", spec, volume)


def agrees(actual: Any, wanted: Any) -> bool:
    """Say whether a part of a pod is as it should be."""
    return next(_differences((), actual, wanted), None) is None


def _one(kind: str, spec: Manifest, wanted: Manifest) -> Iterator[Remark]:
    """Look for one of a list's items by its name, which must be there once."""
    path, name = ("spec", kind), wanted["name"]
    found = [(index, one) for index, one in enumerate(spec.get(kind) or ()) if one.get("name") == name]
    if len(found) != 1:
        message = (
            f"'{name}' is there {len(found)} times, and has to be there once"
            if found
            else f"'{name}' is missing"
        )
        yield Remark(path, message, _AGAIN)
    for index, one in found:
        for where in _differences((*path, index), one, wanted):
            yield Remark(where, f"of '{name}', is not as it should be", _AGAIN)


def _differences(path: Path, actual: Any, wanted: Any) -> Iterator[Path]:
    """Give the paths at which a value is another one than it should be."""
    if isinstance(wanted, Mapping) and isinstance(actual, Mapping):
        for name in sorted({*wanted, *actual} - _FREE, key=str):
            if name in wanted:
                yield from _differences((*path, name), actual.get(name), wanted[name])
            elif not _is_left_out(name, actual[name]):
                yield (*path, name)
    elif isinstance(wanted, list) and isinstance(actual, list) and len(wanted) == len(actual):
        for index, (one, other) in enumerate(zip(actual, wanted, strict=True)):
            yield from _differences((*path, index), one, other)
    elif type(actual) is not type(wanted) or actual != wanted:
        yield path


def _is_left_out(name: str, value: Any) -> bool:
    empty = value is None or value in ({}, [])
    return empty or (type(value) is type(_DEFAULTS.get(name)) and value == _DEFAULTS[name])
