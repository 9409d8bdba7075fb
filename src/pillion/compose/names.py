"""What things are called in a project of Compose. Names of ours have an underscore, so that no service has one."""

import re
from typing import Any, Final

from pillion.kubernetes.containers import ENVOY_IMAGE
from pillion.kubernetes.names import CONTROL, EDGE, IDENTITY, PROGRAM_IMAGE

AUTHORITY: Final = "pillion_authority"
DATABASE: Final = "pillion_database"
IDENTITY_PREPARE: Final = "identity_prepare"

# By another name in .env, such as one with a digest, they come from a registry of your own.
ENVOY: Final = f"${{PILLION_ENVOY_IMAGE:-{ENVOY_IMAGE}}}"
PROGRAM: Final = f"${{PILLION_IMAGE:-{PROGRAM_IMAGE}}}"
POSTGRESQL: Final = "${PILLION_DATABASE_IMAGE:-postgres:17}"

DATABASE_PASSWORD: Final = "PILLION_DATABASE_PASSWORD"  # noqa: S105 - the name of a variable
DATABASE_USER: Final = "pillion"


def network_holder(service: str) -> str:
    """Name the container whose network a service and its sidecar share."""
    return f"{service}_pod"


def envoy(workload: str) -> str:
    """Name the container of a workload's Envoy."""
    return workload if workload == EDGE else f"{workload}_sidecar"


def in_network(workload: str) -> str:
    """Name the container that is in the networks of a workload's Envoy."""
    return envoy(workload) if workload in {EDGE, IDENTITY, CONTROL} else network_holder(workload)


def image_variable(service: str) -> str:
    """Name the variable that says a service's image, where the topology does not."""
    return f"{re.sub('-', '_', service).upper()}_IMAGE"


def asked_for(variable: str, what: str) -> str:
    """Have Compose put the variable's value here, and stop without one."""
    return f"${{{variable}:?{what}}}"


def certificates(workload: str) -> str:
    """Name the volume in which a workload's certificate is."""
    return f"certificates_{workload}"


def runs(program: str) -> str:
    """Name the volume that a program shares with its Envoy: their socket."""
    return f"run_{program}"


def healthy(*containers: str) -> dict[str, Any]:
    """Start after these are well."""
    return {name: {"condition": "service_healthy"} for name in containers}
