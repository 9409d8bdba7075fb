"""Is a pod protected? Looked at once more, by other means than the webhook's own."""

import json
import re
from pathlib import PurePosixPath
from typing import Any

OURS = {"pillion-envoy", "pillion-known", "pillion-certificates", "pillion-run", "pillion-no-token"}
_ROOT_ON_THE_NODE = {"ALL", "BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"}
_NODE = (
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/var/run",
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/etc/kubernetes",
)


def holes(pod: dict[str, Any], service: str, image: str) -> list[str]:
    """Name what is wrong with a pod of a service."""
    spec = pod["spec"]
    containers = [
        (kind, one)
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for one in spec.get(kind) or ()
    ]
    ours = [one for kind, one in containers if (kind, one["name"]) == ("initContainers", "pillion-sidecar")]
    theirs = [one for _, one in containers if not any(one is other for other in ours)]
    found = [f"{len(ours)} sidecars"] if len(ours) != 1 else [*_sidecar(ours[0], service, image)]
    found += [*_volumes(spec, service), *_pod(pod)]
    for kind, one in containers:
        if one in theirs:
            found += _container(one, ephemeral=kind == "ephemeralContainers")
    return found


def _sidecar(one: dict[str, Any], service: str, image: str) -> list[str]:
    checks = {
        "image": one["image"] == image,
        "always": one.get("restartPolicy") == "Always",
        "command": one.get("command") == ["envoy"],
        "arguments": one.get("args", [])[:2] == ["-c", f"envoy/{service}/bootstrap.yaml"],
        "hooks": not one.get("lifecycle") and not one.get("envFrom") and not one.get("volumeDevices"),
        "terminal": not one.get("stdin") and not one.get("tty"),
        "variables": [variable["name"] for variable in one.get("env", [])] == ["POD_NAME"],
        "mounts": sorted(mount["name"] for mount in one["volumeMounts"]) == sorted(OURS),
        "rights": _has_no_rights(one.get("securityContext", {})),
        "asked": one.get("startupProbe", {}).get("tcpSocket") == {"port": 15001},
    }
    return [f"sidecar: {name}" for name, right in checks.items() if not right]


def _has_no_rights(context: dict[str, Any]) -> bool:
    return (
        context.get("runAsUser") == 10101
        and context.get("runAsNonRoot") is True
        and context.get("readOnlyRootFilesystem") is True
        and context.get("allowPrivilegeEscalation") is False
        and not context.get("privileged")
        and context.get("capabilities") == {"drop": ["ALL"]}
    )


def _volumes(spec: dict[str, Any], service: str) -> list[str]:
    volumes = spec.get("volumes") or []
    maps = {
        "pillion-envoy": {f"pillion-{service}"},
        "pillion-known": {"pillion-known", "pillion-known-seed"},
        "pillion-certificates": {f"pillion-{service}"},
        "pillion-run": set(),
        "pillion-no-token": set(),
    }
    named = [volume["name"] for volume in volumes]
    found = [f"volume {name}: {named.count(name)}" for name in OURS if named.count(name) != 1]
    for volume in volumes:
        text = json.dumps({key: value for key, value in volume.items() if key != "name"}, sort_keys=True)
        if volume["name"] in OURS:
            secrets = re.findall(r"pillion-[a-z-]*certificate", text)
            wanted = [f"pillion-{service}-certificate"] if volume["name"] == "pillion-certificates" else []
            named_maps = set(re.findall(r'onfigMap": \{[^}]*"name": "([^"]*)"', text))
            items = re.findall(r'onfigMap": \{"items": .*?"name": "([^"]*)"', text)
            if secrets != wanted or "hostPath" in text or named_maps | {*items} != maps[volume["name"]]:
                found.append(f"volume {volume['name']}: {text}")
        elif re.search(r'"(?:name|secretName)": "pillion-', text):
            found.append(f"volume {volume['name']} has what is Pillion's")
        host = (volume.get("hostPath") or {}).get("path")
        if host is not None and _leads_to_the_node(host):
            found.append(f"volume {volume['name']} is the node's {host}")
    return found


def _leads_to_the_node(path: str) -> bool:
    parts = [part for part in path.split("/") if part not in {"", "."}]
    clean = PurePosixPath("/", *parts)
    return ".." in parts or any(
        clean.is_relative_to(one) or PurePosixPath(one).is_relative_to(clean) for one in _NODE
    )


def _pod(pod: dict[str, Any]) -> list[str]:
    spec = pod["spec"]
    shared = [key for key in ("hostNetwork", "hostPID", "shareProcessNamespace") if spec.get(key)]
    account = str(spec.get("serviceAccountName") or "") + " " + str(spec.get("serviceAccount") or "")
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return [
        *shared,
        *(["account"] if "pillion-" in account else []),
        *(["component"] if "pillion.dev/component" in labels else []),
    ]


def _container(one: dict[str, Any], *, ephemeral: bool) -> list[str]:
    context = one.get("securityContext") or {}
    capabilities = context.get("capabilities") or {}
    added = {name.upper().removeprefix("CAP_") for name in capabilities.get("add") or ()}
    references = json.dumps([one.get("env"), one.get("envFrom")])
    checks = {
        "name": one["name"] != "pillion-sidecar",
        "mounts": not OURS & {mount["name"] for mount in one.get("volumeMounts") or ()},
        "privileged": not context.get("privileged"),
        "capabilities": not added & _ROOT_ON_THE_NODE,
        "user": context.get("runAsUser") != 10101,
        "secrets": not re.search(r'ef": \{[^}]*"name": "pillion-', references),
        "ports": not {15001, 15002, 15020, 15021}
        & {port.get("containerPort") for port in one.get("ports") or ()},
        "target": one.get("targetContainerName") != "pillion-sidecar",
        "looks on": not ephemeral or (not added and "ALL" in (capabilities.get("drop") or ())),
    }
    return [f"container {one['name']}: {name}" for name, right in checks.items() if not right]
