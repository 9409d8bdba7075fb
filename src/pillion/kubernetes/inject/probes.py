"""Probes of a container that listens on loopback, where kubelet does not reach it: by way of the sidecar."""

from collections.abc import Iterator
from typing import Any, Final

from pillion.kubernetes import containers
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.kubernetes.inject.remark import Manifest, Path, Remark

# What the sidecar passes on to the service's `health` path.
HEALTH_PATH: Final = "/app/health"

_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_HOOKS: Final = ("postStart", "preStop")
_WAYS: Final = ("httpGet", "tcpSocket", "grpc")


def settle(path: Path, container: Manifest, facts: ServiceFacts, *, is_app: bool) -> Iterator[Remark]:
    """Lead the probes that ask for the service's health to the sidecar, and say which others cannot succeed."""
    ports = {
        port["name"]: port.get("containerPort") for port in container.get("ports") or () if port.get("name")
    }
    for kind in _PROBES:
        probe = container.get(kind) or {}
        for way in _WAYS:
            if not probe.get(way):
                continue
            asked = probe[way]
            number = ports.get(asked.get("port"), asked.get("port"))
            if number == containers.PROBES_PORT:
                continue
            if number != facts.app.port:
                message = f"port {number} is not the service's own: the sidecar does not guard it"
                yield Remark((*path, kind, way, "port"), message)
            elif is_app and way == "httpGet" and facts.health and _path(asked) == facts.health:
                probe[way] = _by_sidecar(asked)
            else:
                yield Remark((*path, kind, way), _UNREACHABLE, _instead(facts, way))
    for hook in _HOOKS:
        action = (container.get("lifecycle") or {}).get(hook) or {}
        for way in _WAYS:
            asked = action.get(way)
            if asked and ports.get(asked.get("port"), asked.get("port")) == facts.app.port:
                yield Remark((*path, "lifecycle", hook, way), _UNREACHABLE, "write exec")


_UNREACHABLE: Final = "kubelet does not reach a service that listens on loopback: this will fail"


def _instead(facts: ServiceFacts, way: str) -> str:
    if way == "grpc":
        return "write exec"
    if facts.health:
        return f"write httpGet with path '{facts.health}', the service's 'health' in pillion.yaml, or exec"
    return "give the service 'health: PATH' in pillion.yaml and write httpGet with that path, or exec"


def _path(asked: Manifest) -> str:
    written: str = asked.get("path") or "/"
    return written if written.startswith("/") else "/" + written


def _by_sidecar(asked: Manifest) -> Manifest:
    """Ask the sidecar in the pod's own name and in plain HTTP, whatever the app was asked by."""
    kept: dict[str, Any] = {key: value for key, value in asked.items() if key == "httpHeaders"}
    return {"path": HEALTH_PATH, "port": containers.PROBES_PORT, **kept}
