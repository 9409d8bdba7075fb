"""`pillion up`: the whole sequence, from a topology to a mesh that is stopped again."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from pillion.local import (
    at_rest,
    audit_files,
    certificate,
    control_config,
    edits,
    environment,
    folder,
    identity_config,
    leftovers,
    lock,
    mailbox,
    members,
    obstacles,
    ports,
)
from pillion.local.audience import Audience
from pillion.local.failure import LocalError
from pillion.local.isolation import Namespaces
from pillion.local.isolation import ports as isolated
from pillion.local.isolation.obstacles import refuse_without_rights
from pillion.local.mesh import Mesh
from pillion.local.metrics import serve
from pillion.local.supervisor import Supervisor
from pillion.local.workload_certificates import WorkloadCertificates
from pillion.local.workloads import Machine
from pillion.plan import build
from pillion.topology import Topology

INTERRUPTED: Final = 130


def run(
    file: Path, topology: Topology, audience: Audience, *, isolate: bool = False, hang_up: bool = True
) -> int:
    """Start the mesh of the topology `file` (absolute), run it until a signal says stop, and stop it.

    Gives the exit code: 0 after SIGTERM (and SIGHUP, which is ignored without `hang_up`), 130 after SIGINT.
    The working directory is the state folder meanwhile. Raises LocalError, with nothing left running, when
    the mesh cannot be started. With `isolate` each service has a network of its own.
    """
    try:
        return _run(file, topology, audience, isolate=isolate, hang_up=hang_up)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reason = (error.strerror or type(error).__name__).lower()
        raise LocalError(
            f"{where}{reason}: see that the disk has room, and that you may write there"
        ) from None


def _run(file: Path, topology: Topology, audience: Audience, *, isolate: bool, hang_up: bool) -> int:
    began = time.monotonic()
    state = folder.of(file)
    folder.make(state)
    with lock.held(state.lock), contextlib.chdir(state.root):
        if left := leftovers.clean(state):
            names = leftovers.names(left)
            audience.printed("pillion", f"ended what a killed 'pillion up' had left running: {names}")
        if isolate:
            refuse_without_rights(hidden=state.root)
        obstacles.refuse(topology, file, environment.of_any_service(os.environ), isolate=isolate)
        identity_config.write(state, topology)
        places = isolated.choose(topology) if isolate else ports.choose(topology, state)
        plan = build(topology, places, folder.IDENTITY_SOCKET)
        machine = Machine(
            file=file,
            folder=state,
            user=dict(os.environ),
            control_key=control_config.key(state),
            namespaces=Namespaces() if isolate else None,
        )
        members.tell(machine, topology.identity.database, plan)
        supervisor = Supervisor(state, topology.edge.origin, audience.changed, audience.printed)
        certificates = WorkloadCertificates(state, topology.mesh, partial(audience.printed, "pillion"))
        mesh = Mesh(machine, topology, plan, supervisor, certificates)
        return asyncio.run(_supervise(mesh, audience, began, hang_up=hang_up))


async def _supervise(mesh: Mesh, audience: Audience, began: float, *, hang_up: bool) -> int:
    """Start, wait for a signal, stop; a SIGINT while it stops ends all at once."""
    stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _on_signals(stop, mesh.supervisor.kill, hang_up=hang_up)
    starting = asyncio.ensure_future(mesh.start())
    tasks = [
        starting,
        asyncio.ensure_future(_follow_certificate(mesh)),
        asyncio.ensure_future(mesh.certificates.keep()),
    ]
    try:
        await asyncio.wait((starting, stop), return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            starting.result()
            audience.ready(f"ready in {time.monotonic() - began:.1f} s — {mesh.topology.edge.origin}")
            tasks.append(asyncio.ensure_future(edits.follow(mesh, audience.printed)))
            tasks.append(asyncio.ensure_future(mailbox.follow(mesh, audience.printed)))
            tasks.append(asyncio.ensure_future(audit_files.follow(mesh)))
            tasks.append(asyncio.ensure_future(serve.follow(mesh)))
        return await mesh.supervisor.unless_failed(stop)
    finally:
        if not stop.done():
            stop.cancel()  # from here on an interrupt means: at once
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await mesh.supervisor.stop()
        at_rest.note(mesh.machine.folder)


async def _follow_certificate(mesh: Mesh) -> None:
    """See to it that a certificate that changes is taken up; returns at once if there is none."""
    if (tls := mesh.topology.edge.tls) is not None:
        beside = mesh.machine.file.parent
        await certificate.follow([beside / tls.certificate, beside / tls.key], mesh.machine.folder)


def _on_signals(stop: "asyncio.Future[int]", kill: Callable[[], None], *, hang_up: bool) -> None:
    loop = asyncio.get_running_loop()

    def ask(code: int) -> None:
        if stop.done():
            if code == INTERRUPTED:
                kill()
        else:
            stop.set_result(code)

    loop.add_signal_handler(signal.SIGINT, partial(ask, INTERRUPTED))
    loop.add_signal_handler(signal.SIGTERM, partial(ask, 0))
    loop.add_signal_handler(signal.SIGHUP, partial(ask, 0) if hang_up else lambda: None)
