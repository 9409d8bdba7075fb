"""Identity and control, which nothing reaches but their Envoys by a socket; the authority; the database."""

from collections.abc import Iterable
from typing import Any, Final

from pillion.compose import containers, names
from pillion.envoy import names as files
from pillion.kubernetes import programs, told
from pillion.kubernetes.containers import FOLDER
from pillion.kubernetes.names import CONTROL, IDENTITY
from pillion.plan import Plan
from pillion.topology import Topology

AUTHORITY_FILE: Final = "authority.json"
AUTHORITY_VOLUME: Final = "authority"
DATABASE_VOLUME: Final = "database"
MASTER_KEY: Final = "PILLION_MASTER_KEY"
# Where the topology has no database of its own, there is one here.
DATABASE_HOST: Final = "database"

_IDENTITY_SOCKET: Final = "run/identity.sock"
_CONTROL_SOCKET: Final = "run/control.sock"
_STATE: Final = "state"
_ASK: Final = "GET /-/health HTTP/1.0\r\n\r\n"
_PREPARED: Final = {names.IDENTITY_PREPARE: {"condition": "service_completed_successfully"}}
# Half of a certificate's hour is over when it is replaced; a little later something is wrong.
_RENEWED_MINUTES: Final = 40


def identity(topology: Topology, variables: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Describe identity, and what makes its database and keys ready before it starts."""
    own = [*_brought(topology), containers.file("./identity", "config")]
    config = f"{told.CONFIG_FOLDER}/{told.IDENTITY_FILE}"
    common = {
        **_program(),
        "environment": {"PILLION_IDENTITY_CONFIG": config} | secrets(topology, variables),
        "tmpfs": [containers.scratch(), containers.memory(_STATE)],
        **containers.limits("1g"),
    }
    healthy = ["python", "-P", "-c", _HEALTHY]
    return {
        names.IDENTITY_PREPARE: {
            **common,
            "command": ["python", "-P", "-m", "pillion.identity", "prepare"],
            "volumes": own,
            "restart": "on-failure",
            "depends_on": names.healthy(names.DATABASE) if has_database(topology) else {},
        },
        IDENTITY: {
            **common,
            "command": ["python", "-P", "-m", "pillion.identity", "serve", "--uds", _IDENTITY_SOCKET],
            "volumes": [*own, containers.volume(names.runs(IDENTITY), "run", writable=True)],
            "healthcheck": containers.check(healthy),
            "depends_on": _PREPARED,
        },
    }


def control(topology: Topology, plan: Plan, variables: Iterable[str]) -> dict[str, Any]:
    """Describe control; what it told last, every Envoy finds in a volume."""
    config = f"{told.CONFIG_FOLDER}/{told.CONTROL_FILE}"
    return {
        **_program(),
        "command": ["python", "-P", "-m", "pillion.control", "--uds", _CONTROL_SOCKET],
        "environment": {"PILLION_CONTROL_CONFIG": config, "POD_NAME": "compose"}
        | secrets(topology, variables),
        "tmpfs": [containers.scratch()],
        **containers.limits("1g"),
        "volumes": [
            containers.file("./control", "config"),
            containers.volume("known", files.folder_of(files.KNOWN_FOLDER), writable=True),
            containers.volume(names.runs(CONTROL), "run", writable=True),
        ],
        "healthcheck": containers.check(_tells(plan)),
        "depends_on": _PREPARED,
    }


def _tells(plan: Plan) -> list[str]:
    """Ask whether it answers, and has written all that Envoys start with: these do so after it is well."""
    trusted = (files.trusted_keys_file(issuer.name) for issuer in plan.verification.trusted)
    written = [files.known_file(name) for name in (files.JWKS_FILE, files.REVOKED_FILE, *trusted)]
    *python, ask = programs.hears(_CONTROL_SOCKET)
    return [*python, f"import os; assert all(map(os.path.exists, {written})); {ask}"]


def authority(workloads: Iterable[str]) -> dict[str, Any]:
    """Describe what issues every workload's certificate, and renews it: the one container with the mesh's own key.

    It is in no network. Each certificate is in a volume of its own, which one Envoy has besides.
    """
    named = sorted(workloads)
    current = f"find {FOLDER}/{files.SECRETS_FOLDER} -name svid.json -mmin -{_RENEWED_MINUTES} | wc -l"
    return {
        **_program(),
        "command": ["python", "-P", "-m", "pillion.compose.authority", f"config/{AUTHORITY_FILE}"],
        "network_mode": "none",
        "tmpfs": [containers.scratch()],
        **containers.limits("256m"),
        "volumes": [
            containers.file("./authority", "config"),
            containers.volume(AUTHORITY_VOLUME, "ca", writable=True),
            *(
                containers.volume(names.certificates(name), files.secrets_folder(name), writable=True)
                for name in named
            ),
        ],
        "healthcheck": containers.check(["sh", "-c", f'[ "$$({current})" = {len(named)} ]']),
    }


def database() -> dict[str, Any]:
    """Describe the database, for identity and control alone."""
    return {
        "image": names.POSTGRESQL,
        "user": "postgres",
        "environment": {
            "POSTGRES_USER": names.DATABASE_USER,
            "POSTGRES_DB": names.DATABASE_USER,
            "POSTGRES_PASSWORD": names.asked_for(names.DATABASE_PASSWORD, _IN_ENV),
            "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums",
        },
        **containers.HARDENED,
        "stop_grace_period": "60s",
        "shm_size": "128m",
        "tmpfs": [containers.scratch(), "/var/run/postgresql:size=1m,mode=1777"],
        "volumes": [containers.volume(DATABASE_VOLUME, "/var/lib/postgresql/data", writable=True)],
        "healthcheck": containers.check(
            ["pg_isready", "-q", "-h", "127.0.0.1", "-U", names.DATABASE_USER], start="120s"
        ),
    }


def has_database(topology: Topology) -> bool:
    """Say whether the database is one of the containers: the topology names no other."""
    return topology.identity.database == "sqlite"


def secrets(topology: Topology, variables: Iterable[str]) -> dict[str, str]:
    """Give what comes from .env, by the names that the programs know."""
    given = {name: names.asked_for(name, _IN_ENV) for name in variables}
    if has_database(topology) and told.DATABASE_VARIABLE in given:
        password = names.asked_for(names.DATABASE_PASSWORD, _IN_ENV)
        where = f"{DATABASE_HOST}/{names.DATABASE_USER}"
        given[told.DATABASE_VARIABLE] = f"postgresql://{names.DATABASE_USER}:{password}@{where}"
    return given


def _program() -> dict[str, Any]:
    return {
        "image": names.PROGRAM,
        "user": containers.AS_PILLION,
        "working_dir": FOLDER,
        **containers.HARDENED,
    }


def _brought(topology: Topology) -> list[dict[str, Any]]:
    """Mount files that the topology names and the user has, from a folder beside compose.yaml."""
    users = topology.identity.users
    mounted = [("./users", told.USERS_FOLDER)] if users and (users.tls or users.authority) else []
    if topology.identity.breached_passwords:
        mounted.append(("./breached-passwords", told.BREACHED_PASSWORDS))
    return [containers.file(source, target) for source, target in mounted]


_IN_ENV: Final = "set it in .env"
_HEALTHY: Final = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(8); "
    f"s.connect({_IDENTITY_SOCKET!r}); s.sendall({_ASK.encode()!r}); assert b' 200 ' in s.recv(32)"
)
