"""Control in a cluster: two pods or more, one of which every Envoy has a stream to."""

from collections.abc import Mapping
from typing import Any, Final

from pillion.kubernetes import containers, network_policies, outside, pods, programs, told
from pillion.kubernetes.certificates import certificate
from pillion.kubernetes.names import CONTROL, CONTROL_CONFIG, KNOWN, Cluster, head
from pillion.plan import Plan
from pillion.topology import Topology

_REPLICAS: Final = 2
_MTLS_PORT: Final = {"name": "mtls", "port": containers.INBOUND_PORT, "targetPort": containers.INBOUND_PORT}
_SOCKET: Final = "run/control.sock"
_ACCOUNT: Final = "pillion-control"
_TOKEN_VOLUME: Final = "pillion-token"  # noqa: S105 - a name
_TOKEN_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path


def documents(
    cluster: Cluster, topology: Topology, plan: Plan, files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Write them; `files` are the files of its Envoy."""
    config = told.control(topology, plan, cluster.namespace, KNOWN)
    return [
        *_account(cluster),
        pods.config_map(cluster, containers.files_map(CONTROL), files, CONTROL),
        pods.config_map(cluster, CONTROL_CONFIG, {told.CONTROL_FILE: told.text(config)}, CONTROL),
        certificate(cluster, CONTROL, plan.spiffe_ids[CONTROL]),
        pods.deployment(cluster, CONTROL, _template(cluster, config), _REPLICAS),
        pods.headless_service(cluster, CONTROL, [_MTLS_PORT]),
        pods.disruption_budget(cluster, CONTROL),
        network_policies.control(cluster, plan, outside.of_control(topology)),
    ]


def _account(cluster: Cluster) -> list[dict[str, Any]]:
    """Let control read and change one ConfigMap, and nothing else."""
    rule = {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "resourceNames": [KNOWN],
        "verbs": ["get", "patch"],
    }
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": _ACCOUNT}
    subject = {"kind": "ServiceAccount", "name": _ACCOUNT, "namespace": cluster.namespace}
    return [
        {**head(cluster, "ServiceAccount", _ACCOUNT, CONTROL), "automountServiceAccountToken": False},
        {**head(cluster, "Role", _ACCOUNT, CONTROL), "rules": [rule]},
        {**head(cluster, "RoleBinding", _ACCOUNT, CONTROL), "roleRef": role, "subjects": [subject]},
    ]


def _template(cluster: Cluster, config: Mapping[str, Any]) -> dict[str, Any]:
    pod_name = {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    env = [
        programs.variable("PILLION_CONTROL_CONFIG", f"{told.CONFIG_FOLDER}/{told.CONTROL_FILE}"),
        pod_name,
        *programs.secrets(config["environment"]),
    ]
    # It listens when it has read what is in the database; who is connected is greeted at once.
    greets = {"exec": {"command": programs.hears(_SOCKET)}}
    program = programs.container(
        CONTROL,
        ["pillion.control", "--uds", _SOCKET],
        env,
        **programs.serving(),
        readinessProbe={**greets, "periodSeconds": 10, "timeoutSeconds": 5},
        livenessProbe={**greets, "periodSeconds": 30, "timeoutSeconds": 25, "failureThreshold": 4},
        startupProbe={**greets, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 900},
        resources={"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        volumeMounts=[{"name": _TOKEN_VOLUME, "mountPath": _TOKEN_FOLDER, "readOnly": True}],
    )
    return programs.template(
        cluster,
        CONTROL,
        CONTROL_CONFIG,
        config["database"],  # the rest it takes up while it runs
        program=program,
        volumes=[_token()],
        serviceAccountName=_ACCOUNT,
    )


def _token() -> dict[str, Any]:
    """Give the program alone what it proves itself with to the cluster's API, and not its Envoy."""
    sources: list[dict[str, Any]] = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    ]
    return {"name": _TOKEN_VOLUME, "projected": {"sources": sources}}
