"""Identity in a cluster: two pods or more, which share a PostgreSQL."""

from collections.abc import Mapping
from typing import Any, Final

from pillion.kubernetes import containers, network_policies, outside, pods, programs, told
from pillion.kubernetes.certificates import certificate
from pillion.kubernetes.names import IDENTITY, IDENTITY_CONFIG, Cluster
from pillion.plan import Plan
from pillion.topology import Topology

_REPLICAS: Final = 2
_MTLS_PORT: Final = {"name": "mtls", "port": containers.INBOUND_PORT, "targetPort": containers.INBOUND_PORT}
_SOCKET: Final = "run/identity.sock"
_STATE_VOLUME: Final = "pillion-state"
_USERS: Final = "pillion-users"
_BREACHED: Final = "pillion-breached-passwords"
_MASTER_KEY: Final = "PILLION_MASTER_KEY"
_PREPARES: Final = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
_ANY_ANSWER: Final = "GET /-/health HTTP/1.0\r\n\r\n"


def documents(
    cluster: Cluster, topology: Topology, plan: Plan, files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Write them; `files` are the files of its Envoy."""
    written = told.text(told.identity(topology))
    data = {told.IDENTITY_FILE: written, told.ACCOUNTS_FILE: told.text(told.accounts(plan))}
    return [
        pods.config_map(cluster, containers.files_map(IDENTITY), files, IDENTITY),
        pods.config_map(cluster, IDENTITY_CONFIG, data, IDENTITY),
        certificate(cluster, IDENTITY, plan.spiffe_ids[IDENTITY]),
        pods.deployment(cluster, IDENTITY, _template(cluster, topology, written), _REPLICAS),
        pods.headless_service(cluster, IDENTITY, [_MTLS_PORT]),
        pods.disruption_budget(cluster, IDENTITY),
        network_policies.identity(cluster, plan, outside.of_identity(topology)),
    ]


def variables(topology: Topology) -> tuple[str, ...]:
    """Name what the pods of identity take from the user's Secret; control takes some of these."""
    return tuple(sorted({*told.identity(topology)["environment"], _MASTER_KEY}))


def _template(cluster: Cluster, topology: Topology, written: str) -> dict[str, Any]:
    env = [
        programs.variable("PILLION_IDENTITY_CONFIG", f"{told.CONFIG_FOLDER}/{told.IDENTITY_FILE}"),
        *programs.secrets(variables(topology)),
    ]
    brought = _brought(topology)
    mounts = {
        "volumeMounts": [
            pods.mount(_STATE_VOLUME, "state", writable=True),
            *(pods.mount(volume["name"], path) for path, volume in brought.items()),
        ]
    }
    prepare = programs.container("prepare", ["pillion.identity", "prepare"], env, **mounts)
    serve = programs.container(
        IDENTITY,
        ["pillion.identity", "serve", "--uds", _SOCKET],
        env,
        **programs.serving(),
        **mounts,
        # Ready when its database answers. Only who answers nothing at all for two minutes is started anew: a
        # database that is away is not brought back by that.
        readinessProbe=pods.asks("/app/health", periodSeconds=5, timeoutSeconds=5),
        livenessProbe={
            "exec": {"command": programs.hears(_SOCKET, _ANY_ANSWER)},
            "periodSeconds": 30,
            "timeoutSeconds": 25,
            "failureThreshold": 4,
        },
        resources={"requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    )
    return programs.template(
        cluster,
        IDENTITY,
        IDENTITY_CONFIG,
        written,
        before=[{**prepare, "resources": _PREPARES}],
        program=serve,
        volumes=[{"name": _STATE_VOLUME, "emptyDir": {"medium": "Memory"}}, *brought.values()],
    )


def _brought(topology: Topology) -> dict[str, dict[str, Any]]:
    """Describe the volumes, by where they are mounted, of files that the topology names and the user has."""
    users = topology.identity.users
    volumes: dict[str, dict[str, Any]] = {}
    if users is not None and (users.tls or users.authority):
        volumes["users"] = {"name": _USERS, "secret": {"secretName": _USERS}}
    if topology.identity.breached_passwords:
        claim = {"claimName": _BREACHED, "readOnly": True}
        volumes["breached-passwords"] = {"name": _BREACHED, "persistentVolumeClaim": claim}
    return volumes
