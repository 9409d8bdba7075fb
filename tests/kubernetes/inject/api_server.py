"""What an API server does to a pod on its way in, as far as the webhook sees it; by Kubernetes' documentation.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/ has the requests.
"""

import base64
import json
from copy import deepcopy
from typing import Any, Final

Pod = dict[str, Any]
LABEL: Final = "pillion.dev/service"

_WAYS = ("httpGet", "tcpSocket", "grpc", "exec")


def pod(service: str | None = "web", **spec: Any) -> Pod:
    """Give a pod as the API server shows it to a webhook."""
    labels = {"app": "any"} | ({LABEL: service} if service else {})
    container = {"name": "app", "image": "registry.example/app:1"}
    written = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": labels}}
    return shown({**written, "spec": {"containers": [container], **deepcopy(spec)}})


def shown(pod: Pod) -> Pod:
    """Fill in what the API server fills in, as `kubectl get -o yaml` shows it afterwards."""
    pod = deepcopy(pod)
    spec = pod["spec"]
    defaults = {
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
    }
    pod["spec"] = spec = {**defaults, **spec}
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            _fill_container(container)
    for volume in spec.get("volumes") or ():
        for kind in ("configMap", "projected", "secret"):
            if kind in volume:
                volume[kind].setdefault("defaultMode", 420)
    _mount_token(spec)
    return pod


def _fill_container(container: dict[str, Any]) -> None:
    image = container["image"]
    latest = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        field = variable.get("valueFrom", {}).get("fieldRef")
        if field:
            field.setdefault("apiVersion", "v1")
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind)
        if probe:
            for key, value in {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1}.items():
                probe.setdefault(key, value)
            probe.setdefault("failureThreshold", 3)
            if "httpGet" in probe:
                probe["httpGet"].setdefault("scheme", "HTTP")


def _mount_token(spec: dict[str, Any]) -> None:
    """Do as the plugin ServiceAccount does: every container that has nothing there gets a token."""
    where = "/var/run/secrets/kubernetes.io/serviceaccount"
    if spec.get("automountServiceAccountToken") is False:
        return
    name = "kube-api-access-x7k2p"
    mounted = False
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            mounts = container.setdefault("volumeMounts", [])
            if where not in {mount.get("mountPath") for mount in mounts}:
                mounts.append({"name": name, "mountPath": where, "readOnly": True})
                mounted = True
    volumes = spec.setdefault("volumes", [])
    if mounted and name not in {volume["name"] for volume in volumes}:
        sources = [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    "name": "kube-root-ca.crt",
                }
            },
        ]
        volumes.append({"name": name, "projected": {"defaultMode": 420, "sources": sources}})


def review(
    pod: Any, operation: str = "CREATE", before: Any = None, subresource: str = "", **more: Any
) -> Pod:
    """Ask about a pod, with every field that an API server sends."""
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    resource = {"group": "", "version": "v1", "resource": "pods"}
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": kind,
        "resource": resource,
        "subResource": subresource,
        "requestKind": kind,
        "requestResource": resource,
        "requestSubResource": subresource,
        "name": "orders-7d4b9-xk2lp",
        "namespace": "shop",
        "operation": operation,
        "userInfo": {
            "username": "system:serviceaccount:kube-system:replicaset-controller",
            "uid": "014fbff9a07c",
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "extra": {"some-key": ["some-value"]},
        },
        "object": pod,
        "oldObject": before,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        "dryRun": False,
        **more,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def patched(pod: Pod, response: dict[str, Any]) -> Pod:
    """Apply the patch of a response (RFC 6902; of its operations those that are used), as the API server does."""
    if "patch" not in response:
        return pod
    assert response["patchType"] == "JSONPatch"
    pod = deepcopy(pod)
    for change in json.loads(base64.b64decode(response["patch"], validate=True)):
        assert change.keys() == {"op", "path", "value"}
        assert change["op"] == "add"
        *way, last = change["path"].split("/")[1:]
        inside = pod
        for step in way:
            inside = inside[step]
        inside[last] = change["value"]
    return pod
