"""What makes a sidecar worthless: ways around it, and ways to its key."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from pillion.kubernetes import containers
from pillion.kubernetes.inject import not_theirs
from pillion.kubernetes.inject.remark import Manifest, Path, Remark
from pillion.kubernetes.names import COMPONENT_LABEL

_KINDS: Final = ("initContainers", "containers", "ephemeralContainers")

# Any of these leads to root's rights on the node, where every pod's keys lie.
_CAPABILITIES: Final = {"ALL", "BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"}

# Where a node keeps pods' volumes, and from where it starts programs as root.
_NODE_FOLDERS: Final = tuple(
    map(
        PurePosixPath,
        (
            *("/bin", "/boot", "/dev", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys"),
            *("/etc/cni", "/etc/containerd", "/etc/cron.d", "/etc/kubernetes", "/etc/systemd", "/opt/cni"),
            *("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/sbin", "/var/run"),
            *("/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/lib/etcd"),
            *("/var/lib/kubelet", "/var/lib/rancher", "/var/spool/cron"),
        ),
    )
)

_OUR_PORTS: Final = {
    containers.INBOUND_PORT: "where the sidecar is called",
    containers.EGRESS_PORT: "where the sidecar takes the service's calls",
    containers.DRAIN_PORT: "where an Envoy is told to stop",
    containers.PROBES_PORT: "where the sidecar answers probes",
}


def refusals(template: Manifest) -> Iterator[Remark]:
    """Say why the pod cannot be one of the mesh: its sidecar's key would be open, or its app past the sidecar."""
    spec = template["spec"]
    yield from _component(template)
    yield from _shared_with_node(spec)
    yield from not_theirs.remarks(spec, but=containers.VOLUMES)
    for path, container in _of_user(spec):
        yield from _mounts(path, container)
        yield from _rights(path, container)
        yield from _ports(path, container)
        if path[1] == "ephemeralContainers":
            yield from _without_rights(path, container)
        if path[1] == "containers" and container["name"] == containers.SIDECAR:
            yield Remark(
                (*path, "name"), f"'{containers.SIDECAR}' is the sidecar's name", "choose another one"
            )
        if container.get("targetContainerName") == containers.SIDECAR:
            message = "sees the sidecar's processes, and so its key"
            yield Remark((*path, "targetContainerName"), message, "name the app's container")
    for index, volume in enumerate(spec.get("volumes") or ()):
        if volume["name"] not in containers.VOLUMES:
            yield from _volume(("spec", "volumes", index), volume)
    security = spec.get("securityContext") or {}
    yield from _user(("spec",), security)


def warnings(spec: Manifest) -> Iterator[Remark]:
    """Say what weakens the pod and is its own affair."""
    for path, container in _of_user(spec):
        capabilities = (container.get("securityContext") or {}).get("capabilities") or {}
        for index, name in enumerate(capabilities.get("add") or ()):
            if _capability(name) == "NET_ADMIN":
                message = "whoever takes the app over can lead requests past the sidecar"
                yield Remark((*path, "securityContext", "capabilities", "add", index), message)
    for index, volume in enumerate(spec.get("volumes") or ()):
        if volume.get("hostPath"):
            where = volume["hostPath"]["path"]
            message = f"is a folder of the node, '{where}', which no sidecar guards"
            yield Remark(("spec", "volumes", index, "hostPath"), message)


def _of_user(spec: Manifest) -> Iterator[tuple[Path, Manifest]]:
    """Give every container but our own, with its path."""
    for kind in _KINDS:
        for index, container in enumerate(spec.get(kind) or ()):
            if (kind, container["name"]) != ("initContainers", containers.SIDECAR):
                yield ("spec", kind, index), container


def _component(template: Manifest) -> Iterator[Remark]:
    labels = (template.get("metadata") or {}).get("labels") or {}
    if COMPONENT_LABEL in labels:
        message = f"makes it a pod of Pillion's own '{labels[COMPONENT_LABEL]}' to others"
        yield Remark(("metadata", "labels", COMPONENT_LABEL), message, "leave it out")


def _shared_with_node(spec: Manifest) -> Iterator[Remark]:
    if spec.get("hostNetwork"):
        message = (
            "the app would listen on the node's own loopback, where every program reaches it past the sidecar"
        )
        yield Remark(("spec", "hostNetwork"), message, "leave it out")
    if spec.get("hostPID"):
        yield Remark(
            ("spec", "hostPID"), "the app would see the sidecar's processes, and so its key", "leave it out"
        )
    if spec.get("shareProcessNamespace"):
        message = "the app would see the sidecar's processes, and so its key"
        yield Remark(("spec", "shareProcessNamespace"), message, "leave it out")
    if (spec.get("os") or {}).get("name") == "windows":
        yield Remark(("spec", "os", "name"), "the sidecar runs on Linux alone")


def _mounts(path: Path, container: Manifest) -> Iterator[Remark]:
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        if mount["name"] in containers.VOLUMES:
            message = f"'{mount['name']}' is the sidecar's, and nobody else's"
            yield Remark((*path, "volumeMounts", index, "name"), message, "mount a volume of your own")


def _rights(path: Path, container: Manifest) -> Iterator[Remark]:
    security = container.get("securityContext") or {}
    path = (*path, "securityContext")
    if security.get("privileged"):
        yield Remark(
            (*path, "privileged"), "a privileged container can read every key on its node", "leave it out"
        )
    added = (security.get("capabilities") or {}).get("add") or ()
    for index, name in enumerate(added):
        if _capability(name) in _CAPABILITIES:
            message = f"with {_capability(name)} a container can read every key on its node"
            yield Remark((*path, "capabilities", "add", index), message, "leave it out")
    yield from _user(path[:-1], security)


def _user(path: Path, security: Manifest) -> Iterator[Remark]:
    if security.get("runAsUser") == containers.USER:
        message = f"{containers.USER} is the sidecar's user"
        yield Remark((*path, "securityContext", "runAsUser"), message, "choose another number")


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")


def _ports(path: Path, container: Manifest) -> Iterator[Remark]:
    for index, port in enumerate(container.get("ports") or ()):
        number = port.get("containerPort")
        if number in _OUR_PORTS:
            message = f"port {number} is {_OUR_PORTS[number]}"
            yield Remark(
                (*path, "ports", index, "containerPort"), message, "let the app listen on another port"
            )


def _without_rights(path: Path, container: Manifest) -> Iterator[Remark]:
    """Let somebody look into a running pod, but not at what passes between its sidecar and its app."""
    rights = (container.get("securityContext") or {}).get("capabilities") or {}
    if rights.get("add") or "ALL" not in map(_capability, rights.get("drop") or ()):
        message = "could read the requests between the sidecar and the app, with the callers' tokens"
        hint = "drop ALL capabilities, as 'kubectl debug --profile=restricted' does"
        yield Remark((*path, "securityContext", "capabilities"), message, hint)


def _volume(path: Path, volume: Manifest) -> Iterator[Remark]:
    # Two slashes in front would be a root of its own to POSIX, below which nothing is.
    if volume.get("hostPath") and _is_the_nodes(PurePosixPath("/", volume["hostPath"]["path"].lstrip("/"))):
        where = volume["hostPath"]["path"]
        message = f"who reads or writes '{where}' of a node can read the keys of its pods"
        yield Remark((*path, "hostPath", "path"), message, "mount something smaller")


def _is_the_nodes(folder: PurePosixPath) -> bool:
    if ".." in folder.parts:
        return True
    return any(folder.is_relative_to(one) or one.is_relative_to(folder) for one in _NODE_FOLDERS)
