"""What the app's containers are told: where to listen, how to call, and to stop last."""

import ipaddress
from collections.abc import Iterator
from typing import Final

from pillion.kubernetes import containers
from pillion.kubernetes.inject import probes
from pillion.kubernetes.inject.facts import ServiceFacts
from pillion.kubernetes.inject.remark import Manifest, Path, Remark

# As long as callers may take to forget the address of a pod that is going.
_FORGOTTEN_SECONDS: Final = 10
_GRACE_SECONDS: Final = 30

_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_PROXIES: Final = ("HTTP_PROXY", "http_proxy")
_WITHOUT_PROXY: Final = ("NO_PROXY", "no_proxy")
_ANYWHERE: Final = ("0.0.0.0", "[::]")  # noqa: S104 - what is warned about


def settle(metadata: Manifest, spec: Manifest, facts: ServiceFacts) -> Iterator[Remark]:
    """Change the containers of `spec` in place, and say what of the user's own stands against it."""
    main = _main(metadata, spec["containers"], facts)
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or ()):
            if (kind, container["name"]) == ("initContainers", containers.SIDECAR):
                continue
            path = ("spec", kind, index)
            yield from _environment(path, container, facts, listens=container is main)
            if container is main:
                yield from _listening(path, container, facts)
            if kind == "containers":
                yield from probes.settle(path, container, facts, is_app=container is main)
    # What ends by itself serves nobody who would have to forget it.
    if spec.get("restartPolicy") in (None, "Always"):
        _stop_late(spec)


def _main(metadata: Manifest, all_of_them: list[Manifest], facts: ServiceFacts) -> Manifest:
    """Find the container of the app: by its port, by kubectl's own annotation, or the first."""
    named = (metadata.get("annotations") or {}).get(_DEFAULT_CONTAINER)
    by_port = (one for one in all_of_them if facts.app.port in _ports(one))
    by_name = (one for one in all_of_them if one["name"] == named)
    return next(by_port, None) or next(by_name, None) or all_of_them[0]


def _ports(container: Manifest) -> list[int]:
    return [port["containerPort"] for port in container.get("ports") or () if port.get("containerPort")]


def _environment(path: Path, container: Manifest, facts: ServiceFacts, *, listens: bool) -> Iterator[Remark]:
    """Put ours before the user's own, which may refer to it, and win where both say something."""
    ours = _calling(facts) | (_where(facts) if listens else {})
    own = container.get("env") or []
    for index, variable in enumerate(own):
        if message := _against(variable, ours, facts):
            yield Remark((*path, "env", index), message)
    said = {variable["name"] for variable in own}
    added = [{"name": name, "value": value} for name, value in ours.items() if name not in said]
    container["env"] = [*added, *own]


def _where(facts: ServiceFacts) -> dict[str, str]:
    return {"PORT": str(facts.app.port), "HOST": facts.app.host}


def _calling(facts: ServiceFacts) -> dict[str, str]:
    proxy = f"http://127.0.0.1:{containers.EGRESS_PORT}"
    return {
        "PILLION_SERVICE": facts.name,
        **dict.fromkeys(_PROXIES, proxy),
        **dict.fromkeys(_WITHOUT_PROXY, "localhost,127.0.0.1,::1"),
    }


def _against(variable: Manifest, ours: dict[str, str], facts: ServiceFacts) -> str | None:
    """Say how a variable of the user's leads past the sidecar, if it does."""
    name, value = variable["name"], variable.get("value") or ""
    if name not in ours or ("valueFrom" not in variable and value == ours[name]):
        return None
    if name in _WITHOUT_PROXY:
        past = [entry for entry in value.split(",") if _names(entry.strip(), facts)]
        return f"{name} says '{value}', which leads calls past the sidecar: they will fail" if past else None
    if name in _PROXIES:
        return f"{name} is not '{ours[name]}': calls to other services will not go by the sidecar, and fail"
    if name == "PORT":
        return f"PORT is not '{ours[name]}', where pillion.yaml says that the service listens"
    if name == "HOST" and _is_beyond_loopback(value):
        return f"HOST is '{value}': listen on '{ours[name]}', where the sidecar alone reaches the service"
    return None


def _names(entry: str, facts: ServiceFacts) -> bool:
    return entry == "*" or entry.removeprefix("*").removeprefix(".") in facts.calls


def _is_beyond_loopback(value: str) -> bool:
    try:
        return not ipaddress.ip_address(value).is_loopback
    except ValueError:
        return False


def _listening(path: Path, container: Manifest, facts: ServiceFacts) -> Iterator[Remark]:
    """Look for signs that the app listens where others than the sidecar reach it."""
    for key in ("command", "args"):
        for index, word in enumerate(container.get(key) or ()):
            if any(where in word for where in _ANYWHERE):
                message = f"'{word}' listens on every address: listen on '{facts.app.host}'"
                yield Remark((*path, key, index), message)
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort")
        if port.get("hostPort"):
            message = (
                f"port {port['hostPort']} of the node leads to the app past the sidecar, if it listens there"
            )
            yield Remark((*path, "ports", index, "hostPort"), message, "leave it out")
        elif number != facts.app.port:
            message = f"port {number} is not the service's own: the sidecar does not guard it"
            yield Remark((*path, "ports", index), message)


def _stop_late(spec: Manifest) -> None:
    """Let the app serve on while its callers forget the pod, and leave it time to end after that."""
    for container in spec["containers"]:
        lifecycle = container.get("lifecycle") or {}
        if not lifecycle.get("preStop"):
            container["lifecycle"] = {**lifecycle, "preStop": {"sleep": {"seconds": _FORGOTTEN_SECONDS}}}
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < _GRACE_SECONDS:
        spec["terminationGracePeriodSeconds"] = _GRACE_SECONDS
