"""The names that stand in several of an Envoy's files: filters, clusters, files, internal headers."""

from pathlib import PurePosixPath
from typing import Final

from pillion import vocabulary
from pillion.topology.address import Address, DnsAddress, UnixSocket

# Cluster of every Envoy in a pod: its own admin interface.
ADMIN: Final = "admin"
# Clusters of a sidecar.
APP: Final = "app"
APP_GRPC: Final = "app-grpc"
# Where a sidecar gets its service's own tokens. The edge's cluster has other names, see `identity_cluster`.
TOKENS: Final = "tokens"
# Cluster of every Envoy.
CONTROL: Final = "control"
# Cluster of every Envoy where the topology names a collector.
TELEMETRY: Final = "telemetry"
# Where isolated sidecars reach it, by way of the edge.
COLLECTOR_SOCKET: Final = "run/collector.sock"

# Filters whose configuration differs from route to route are addressed by these names.
BROWSER: Final = "pillion.browser"
RENEWAL: Final = "pillion.renewal"
ACCESS: Final = "pillion.access"
RULES: Final = "pillion.rules"

# A folder per Envoy, relative to the state folder, which is every Envoy's working directory: a Unix socket's
# path may be no longer than about 100 bytes, however deep the user's project lies.
FOLDER: Final = "envoy"
BOOTSTRAP_FILE: Final = "bootstrap.yaml"
LISTENERS_FILE: Final = "listeners.yaml"
CLUSTERS_FILE: Final = "clusters.yaml"
CERTIFICATE_FILE: Final = "certificate.yaml"


# What a workload proves itself with, and whom it believes (SPIFFE: X.509-SVID, trust bundle). Apart from the files
# above: these hold keys, and are replaced every half hour.
SECRETS_FOLDER: Final = "certificates"
SVID: Final = "svid"
TRUST: Final = "trust"


def secrets_folder(workload: str) -> str:
    """Give the path of the folder of a workload's secrets, relative to an Envoy's working directory."""
    return f"{SECRETS_FOLDER}/{workload}"


def secret_file(name: str) -> str:
    """Name the file with the secret `name`."""
    return f"{name}.json"


def routes_file(listener: str) -> str:
    """Name the file with a listener's routes: they are replaced without touching a connection."""
    return f"{listener}.routes.yaml"


# What control told last, for an Envoy that starts while control is away. No service's name holds an underscore.
KNOWN_FOLDER: Final = "_known"
JWKS_FILE: Final = f"{KNOWN_FOLDER}/jwks.json"
REVOKED_FILE: Final = f"{KNOWN_FOLDER}/revoked.lua"


def trusted_keys_file(issuer: str) -> str:
    """Name the file with the keys of another issuer that is trusted."""
    return f"{KNOWN_FOLDER}/{issuer}.jwks.json"


# The variable in an Envoy's environment by which it proves to control who it is.
CREDENTIAL_VARIABLE: Final = "PILLION_CONTROL_CREDENTIAL"
# The one by which a sidecar proves to identity whose it is, and the name of that among the bootstrap's secrets.
SERVICE_SECRET_VARIABLE: Final = "PILLION_SERVICE_SECRET"  # noqa: S105 - a name
SERVICE_SECRET: Final = "service-secret"  # noqa: S105 - a name

# The filters that control streams (ECDS resources).
VERIFICATION: Final = "pillion.verification"
REVOCATIONS: Final = "pillion.revocations"

# Headers between the filters of one Envoy. They begin with vocabulary.HEADER_PREFIX, so nobody can send them.
TOKEN_HEADER: Final = "x-pillion-token"  # noqa: S105 - the name of a header
NEXT_HEADER: Final = "x-pillion-next"
INTERNAL_HEADERS: Final = (vocabulary.SESSION_HEADER, vocabulary.API_KEY_HEADER, TOKEN_HEADER, NEXT_HEADER)

# On a refusal: why, in one word. It tells the caller, and the access logs of this Envoy and those before it.
REFUSED_HEADER: Final = "x-pillion-refused"


def identity_cluster(address: Address | DnsAddress | UnixSocket) -> str:
    """Name the edge's cluster of identity after where that listens.

    When identity moves there are two for a while: Envoy ends the requests of its own filters that are under way to
    a cluster which is replaced under its name.
    """
    return PurePosixPath(address.path).stem if isinstance(address, UnixSocket) else "identity"


def peer_cluster(service: str) -> str:
    """Name the cluster of another service's sidecar."""
    return f"peer-{service}"


def folder_of(workload: str) -> str:
    """Give the path of an Envoy's folder, relative to its working directory."""
    return f"{FOLDER}/{workload}"


def known_file(name: str) -> str:
    """Give the path of one of the files in KNOWN_FOLDER, relative to an Envoy's working directory."""
    return f"{FOLDER}/{name}"


def admin_socket(workload: str) -> str:
    """Give the path of an Envoy's admin socket, relative to its working directory."""
    return f"run/{workload}.admin.sock"


def inbound_socket(service: str) -> str:
    """Give the path of a sidecar's socket where it has no port, relative to its working directory."""
    return f"run/{service}.inbound.sock"


def audit_file(workload: str) -> str:
    """Give the path of an Envoy's audit log, relative to its working directory."""
    return f"audit/{workload}.jsonl"
