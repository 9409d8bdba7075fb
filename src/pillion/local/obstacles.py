"""What would keep the mesh from starting, looked for before anything is started."""

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from pillion.local import inotify
from pillion.local.failure import LocalError
from pillion.local.isolation.obstacles import refuse_unfit
from pillion.local.ports import is_free
from pillion.topology import Address, DnsAddress, Topology


def refuse(
    topology: Topology,
    file: Path,
    environment: Mapping[str, str],
    held: Topology | None = None,
    *,
    isolate: bool = False,
) -> None:
    """Raise LocalError for the first obstacle: a port that cannot be had, a program or a right that is not there.

    `file` is the topology's, `environment` that of its services. The addresses of `held` are in our own hands.
    With `isolate` those of services are nobody else's.
    """
    if isolate:
        refuse_unfit(topology, file)
    _refuse_elsewhere(topology, file)
    ours = {address for _, address in _addresses(held, isolate=isolate)} if held else set()
    for key, address in _addresses(topology, isolate=isolate):
        if address not in ours:
            _refuse_taken(address, f"{key} in {file.name}")
    for name, service in sorted(topology.services.items()):
        if service.run is not None:
            _refuse_missing(service.run, f"services.{name}.run in {file.name}", file.parent, environment)
    running = len(held.services) + 1 if held else 0
    _refuse_few_watches(len(topology.services) + 1 - running)


def _refuse_elsewhere(topology: Topology, file: Path) -> None:
    """Refuse a collector that has a name, as in pods: what it is sent goes in clear, and is to stay here."""
    collector = topology.telemetry.otlp
    if isinstance(collector, DnsAddress):
        raise LocalError(
            f"telemetry.otlp in {file.name}: {collector} is for pods, and not on this machine: "
            f"write '${{OTLP:-http://127.0.0.1:{collector.port}}}', and set OTLP where you render for pods"
        )


def _addresses(topology: Topology, *, isolate: bool) -> Iterator[tuple[str, Address]]:
    """Give where this machine will be listened at; where a service without `run` is, it may be already."""
    yield "edge.listen", topology.edge.listen
    if topology.telemetry.metrics is not None:
        yield "telemetry.metrics", topology.telemetry.metrics
    for name, service in sorted(topology.services.items()):
        if service.run is not None and isinstance(service.app, Address) and not isolate:
            yield f"services.{name}.app", service.app


def _refuse_taken(address: Address, key: str) -> None:
    try:
        if is_free(address):
            return
    except PermissionError:
        raise LocalError(
            f"{key}: this user may not listen at {address}: choose a port from 1024 on, such as 8080"
        ) from None
    except OSError as error:
        reason = (error.strerror or "the system refuses").lower()
        raise LocalError(
            f"{key}: nothing can listen at {address} on this machine ({reason}): "
            f"write an address that it has, such as 127.0.0.1:{address.port}"
        ) from None
    raise LocalError(f"{key}: {address} is in use{_by(address.port)}: stop that, or choose another port")


def _by(port: int) -> str:
    """Name the program that listens at `port`, as far as this user may know."""
    for process in psutil.process_iter(["name"]):
        # net_connections: of other users' processes only root may know.
        with suppress(psutil.Error, OSError):
            for connection in process.net_connections(kind="tcp"):
                local = connection.laddr
                if connection.status == psutil.CONN_LISTEN and local and local[1] == port:
                    return f" by {process.info['name']} (pid {process.pid})"
    return ""


def _refuse_few_watches(envoys: int) -> None:
    if lacking := inotify.missing(envoys):
        raise LocalError(
            f"{envoys} Envoys cannot watch their files: Linux lets this user have {lacking} inotify instances too "
            "few: 'sudo sysctl fs.inotify.max_user_instances=8192', and write that to /etc/sysctl.d/pillion.conf"
        )


def _refuse_missing(run: str, key: str, folder: Path, environment: Mapping[str, str]) -> None:
    program = shlex.split(run)[0]
    where = str(folder / program) if os.sep in program else program
    if shutil.which(where, path=environment.get("PATH", os.defpath)):
        return
    if "=" in program:
        raise LocalError(f"{key}: {program!r} is not a program: to set a variable, write 'env {run}'")
    if os.sep in program and (folder / program).exists():
        raise LocalError(f"{key}: {program!r} may not be executed: 'chmod +x' it, or name its interpreter")
    raise LocalError(
        f"{key}: there is no program {program!r} (PATH was searched): install it, or correct the name"
    )
