"""The Envoys: the edge, and the sidecars of services, of identity and of control."""

from typing import Any, Final

from pillion.compose import containers, names
from pillion.envoy import names as files
from pillion.envoy.command import words
from pillion.kubernetes.containers import FOLDER
from pillion.kubernetes.names import CONTROL, EDGE, IDENTITY
from pillion.plan import Address, Plan
from pillion.plan.model import Workload
from pillion.vocabulary import INBOUND_PORT, PROBES_PORT

KNOWN: Final = "known"
_SIDECAR_THREADS: Final = 2
_EDGE_THREADS: Final = 2
# The image has no HTTP client, but a shell. An Envoy that has refused a listener says that it is ready all the
# same: so it has to take a connection there as well.
_READY: Final = (
    "exec 4<>/dev/tcp/127.0.0.1/{port} && "
    f"exec 3<>/dev/tcp/127.0.0.1/{PROBES_PORT} && "
    r"printf 'GET /ready HTTP/1.1\r\nhost: ready\r\nconnection: close\r\n\r\n' >&3 && "
    'read -r -t 5 line <&3 && [[ "$$line" == *" 200 "* ]]'
)


def edge(plan: Plan, published: Address) -> dict[str, Any]:
    """Describe the edge: the one container with a port that the outer world reaches, at `published`."""
    port = plan.edge.listen.port
    everywhere = published.host in {"0.0.0.0", "::"}  # noqa: S104 - what is compared with
    host = "" if everywhere else f"{published.host}:"
    tls = [containers.file("./edge-tls", "edge-tls")] if plan.edge.tls else []
    described = _envoy(plan.edge.workload, _EDGE_THREADS, containers.limits("1g"), port)
    return {
        **described,
        "ports": [f"{host}{published.port}:{port}"],
        "tmpfs": [containers.memory("run")],
        "volumes": [*described["volumes"], *tls],
        "depends_on": names.healthy(names.AUTHORITY, CONTROL, names.envoy(IDENTITY)),
    }


def of_program(program: str) -> dict[str, Any]:
    """Describe the Envoy before identity or control, which it reaches by a socket in a folder of both."""
    described = _envoy(Workload(program, "sidecar"), _SIDECAR_THREADS, containers.limits("256m"))
    return {
        **described,
        "volumes": [*described["volumes"], containers.volume(names.runs(program), "run", writable=True)],
        "depends_on": names.healthy(names.AUTHORITY),
    }


def of_service(workload: Workload) -> dict[str, Any]:
    """Describe a service's sidecar, in the network that it shares with the service alone."""
    return {
        **_envoy(workload, _SIDECAR_THREADS, containers.limits("256m")),
        "network_mode": f"service:{names.network_holder(workload.name)}",
        "tmpfs": [containers.memory("run")],
        "depends_on": {
            names.network_holder(workload.name): {"condition": "service_started"},
            **names.healthy(names.AUTHORITY, CONTROL),
        },
    }


def _envoy(
    workload: Workload, threads: int, limits: dict[str, Any], port: int = INBOUND_PORT
) -> dict[str, Any]:
    """Describe any of them; at `port` it takes connections of those who call its workload."""
    name = workload.name
    known = [containers.volume(KNOWN, files.folder_of(files.KNOWN_FOLDER))]
    return {
        "image": names.ENVOY,
        "user": containers.AS_PILLION,
        "working_dir": FOLDER,
        # In place of the image's own entrypoint, which is for those who start as root.
        "entrypoint": ["envoy"],
        "command": [*words(workload, threads), "--service-node", f"{name}@compose"],
        **containers.HARDENED,
        **limits,
        "volumes": [
            containers.file(f"./envoy/{name}", files.folder_of(name)),
            containers.volume(names.certificates(name), files.secrets_folder(name)),
            # Identity's and control's Envoys check no token.
            *([] if name in {IDENTITY, CONTROL} else known),
        ],
        "healthcheck": containers.check(["bash", "-c", _READY.replace("{port}", str(port))]),
    }


def edge_name() -> str:
    """Name the edge's container."""
    return names.envoy(EDGE)
