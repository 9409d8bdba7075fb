"""A pod of one of Pillion's own programs: identity's and control's are alike but for what the programs need."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from pillion.kubernetes import containers, pods
from pillion.kubernetes.names import CONFIG_ANNOTATION, PROGRAM_IMAGE, SECRET, Cluster

_CONFIG_VOLUME: Final = "pillion-config"
_TMP_VOLUME: Final = "pillion-tmp"

# Until callers' names no longer lead to a pod that goes, it serves.
_GOES_ON_SECONDS: Final = 10
_GRACE_SECONDS: Final = 45


def container(
    name: str, words: Iterable[str], env: Iterable[Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """Describe a container of the image of Pillion's programs."""
    return {
        "name": name,
        "image": PROGRAM_IMAGE,
        "workingDir": containers.FOLDER,
        "command": ["python", "-P", "-m", *words],
        "env": [*env],
        "securityContext": dict(pods.AS_PILLION),
        **more,
        "volumeMounts": [
            pods.mount(_CONFIG_VOLUME, "config"),
            pods.mount(containers.RUN_VOLUME, "run", writable=True),
            {"name": _TMP_VOLUME, "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
            *more.get("volumeMounts", ()),
        ],
    }


def serving() -> dict[str, Any]:
    """Say how a program ends: callers first get to know that the pod goes."""
    return {"lifecycle": {"preStop": {"sleep": {"seconds": _GOES_ON_SECONDS}}}}


def template(  # noqa: PLR0913 - what differs
    cluster: Cluster,
    workload: str,
    config_map: str,
    told: str,
    *,
    before: Iterable[Mapping[str, Any]] = (),
    program: Mapping[str, Any],
    volumes: Iterable[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Describe a pod: what runs `before`, its Envoy, and the program, which starts anew when `told` changes."""
    spec = {
        **more,
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "initContainers": [*before, containers.sidecar(workload)],
        "containers": [program],
        "volumes": [
            {"name": _CONFIG_VOLUME, "configMap": {"name": config_map}},
            {"name": _TMP_VOLUME, "emptyDir": {}},
            *volumes,
            *containers.volumes(workload),
        ],
    }
    return pods.template(cluster, workload, spec, {CONFIG_ANNOTATION: sha256(told.encode()).hexdigest()[:16]})


def variable(name: str, value: str) -> dict[str, Any]:
    """Set a variable."""
    return {"name": name, "value": value}


def secrets(names: Iterable[str]) -> list[dict[str, Any]]:
    """Take variables from the user's Secret, one by one: where one is missing, the kubelet says which."""
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": SECRET, "key": name}}} for name in sorted(names)
    ]


def hears(socket: str, question: str = "") -> list[str]:
    """Ask at a Unix socket whether anybody is there; what is answered does not matter."""
    asked = f"s.sendall({question.encode()!r}); " if question else ""
    knock = f"import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect({socket!r}); "
    return ["python", "-c", f"{knock}{asked}assert s.recv(1)"]
