"""The workloads of one topology: started together, and led to another topology while they run."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from shutil import rmtree
from typing import Final

from pillion.control.known import ensure_trusted
from pillion.local import admin, environment, identity_config, members, obstacles, ports, workloads
from pillion.local.difference import Difference, Key, difference, key, needs_a_start
from pillion.local.envoy_files import EnvoyFiles
from pillion.local.failure import LocalError
from pillion.local.folder import write_privately
from pillion.local.isolation import ports as isolated
from pillion.local.keeper import Keeper
from pillion.local.spec import Spec
from pillion.local.supervisor import Supervisor
from pillion.local.switch import switch
from pillion.local.undo import Undo
from pillion.local.workload_certificates import WorkloadCertificates
from pillion.local.workloads import Machine
from pillion.plan import Address, Plan, Ports, SocketAndPort, UnixSocket, build
from pillion.topology import Topology

# What a service that is gone was still asked may end, for so long; and what is under way to one that was replaced.
GONE_SECONDS: Final = 5.0
REPLACED_SECONDS: Final = 1.0


class Mesh:
    """What runs. `topology` and `plan` say as what; an edit that is taken up replaces both."""

    def __init__(
        self,
        machine: Machine,
        topology: Topology,
        plan: Plan,
        supervisor: Supervisor,
        certificates: WorkloadCertificates,
    ) -> None:
        self.machine = machine
        self.topology = topology
        self.plan = plan
        self.supervisor = supervisor
        self.certificates = certificates
        self._prepared = asyncio.Event()
        self._files = EnvoyFiles(machine.folder.envoy, plan)
        self._keepers: dict[Key, Keeper] = {}
        self._leaving: list[Keeper] = []
        self._identities = itertools.count(2)

    async def start(self) -> None:
        """Start everything, as much at once as may be; the edge last, when all behind it is ready."""
        self._add(self._specs(self.topology, self.plan))
        services, sidecars = self._of("service"), self._of("sidecar")
        [edge], [identity], [control] = self._of("edge"), self._of("identity"), self._of("control")
        self._files.begin()
        self.certificates.keep_only(self.plan.spiffe_ids)
        self.certificates.issue_to(self.plan.spiffe_ids)
        preparation = asyncio.ensure_future(
            self.supervisor.errand(workloads.identity_preparation(self.machine))
        )
        self.supervisor.begin([identity, control, *services])
        await self.supervisor.unless_failed(preparation)
        self._prepared.set()
        await self.supervisor.unless_failed(asyncio.ensure_future(self._files.write()))
        # Control listens when it has written what an Envoy starts with: keys and revocations.
        await self.supervisor.until_ready([control])
        self.supervisor.begin(sidecars)
        await self.supervisor.until_ready([identity, *services, *sidecars])
        self.supervisor.begin([edge])
        await self.supervisor.until_ready([edge])
        self.supervisor.ready()

    async def take_up(self, topology: Topology) -> list[str]:
        """Go over to another topology without a failed request; gives in words what has changed.

        What is needed no more runs until `tidy`. Raises LocalError when it cannot be: all is as before then.
        """
        file = self.machine.file.name
        if keys := needs_a_start(self.topology, topology):
            raise LocalError(
                f"{', '.join(keys)} in {file}: only a start takes this up: 'pillion down', then 'pillion up'"
            )
        user = environment.of_any_service(self.machine.user)
        obstacles.refuse(topology, self.machine.file, user, self.topology, isolate=self.machine.isolates)
        async with Undo() as undo:
            identity = self._configure_identity(topology, undo)
            plan = build(topology, self._places(topology), identity)
            wanted = {key(spec): spec for spec in self._specs(topology, plan)}
            change = difference((keeper.spec for keeper in self._keepers.values()), wanted.values())
            self._tell_members(plan, undo)
            undo.add(_soon(self.certificates.keep_only, self.plan.spiffe_ids))
            self.certificates.issue_to(plan.spiffe_ids)
            files = await self._files.compiled(plan)
            leaving = [self._keepers[one] for one in change.ending]
            await self._begin(change, wanted, files, undo)
            led = await self._lead_over(change, files, undo)
        self.topology, self.plan, self._leaving = topology, plan, leaving
        return _words(change, led)

    async def tidy(self) -> None:
        """Stop what the last edit left without work, when what it was asked before is answered."""
        gone = [keeper for keeper in self._leaving if self._keepers.get(key(keeper.spec)) is keeper]
        sidecars = [keeper.spec.admin for keeper in gone if keeper.spec.admin]
        await asyncio.gather(*(admin.idle(socket, GONE_SECONDS) for socket in sidecars))
        if len(gone) < len(self._leaving):
            await asyncio.sleep(REPLACED_SECONDS)
        await self.supervisor.remove(self._leaving)
        for keeper in gone:
            del self._keepers[key(keeper.spec)]
        self._leaving = []
        if self.machine.namespaces is not None:
            self.machine.namespaces.keep(self.topology.services.keys())
        members.tell(self.machine, self.topology.identity.database, self.plan)
        self.certificates.keep_only(self.plan.spiffe_ids)
        self._files.remember(self.plan)

    def _places(self, topology: Topology) -> Mapping[str, Ports | SocketAndPort]:
        """Say where the sidecars listen: those that run already go on where they are."""
        if self.machine.isolates:
            return isolated.choose(topology)
        running = {
            sidecar.service: Ports(sidecar.inbound, sidecar.egress)
            for sidecar in self.plan.sidecars
            if isinstance(sidecar.inbound, Address)
        }
        return ports.choose(topology, self.machine.folder, running)

    def _configure_identity(self, topology: Topology, undo: Undo) -> UnixSocket:
        """Write what identity is to know, and say where it listens: elsewhere, if it has to start anew."""
        present = self.plan.identity.address
        assert isinstance(present, UnixSocket)  # noqa: S101 - on one machine it always is
        undo.add(_soon(identity_config.write, self.machine.folder, self.topology))
        if not identity_config.write(self.machine.folder, topology):
            return present
        return UnixSocket(path=f"run/identity-{next(self._identities)}.sock")

    def _tell_members(self, plan: Plan, undo: Undo) -> None:
        """Have control and identity know the workloads of both, and control say what it knows of issuers."""
        undo.add(_soon(members.tell, self.machine, self.topology.identity.database, self.plan))
        ensure_trusted(self.machine.folder.envoy, plan.verification.trusted)
        members.tell(self.machine, self.topology.identity.database, plan, self.plan)

    async def _begin(
        self, change: Difference, wanted: dict[Key, Spec], files: dict[str, str], undo: Undo
    ) -> None:
        """Start what is new or another; what stands in its place has to end first."""
        starting = [wanted[one] for one in change.starting]
        places = {spec.address for spec in starting}
        in_the_way = [
            self._keepers[one] for one in change.ending if self._keepers[one].spec.address in places
        ]
        undo.add(partial(self._start_again, [keeper.spec for keeper in in_the_way]))
        await self.supervisor.remove(in_the_way)
        new = {spec.name for spec in starting if spec.kind == "sidecar"}
        for name in new:
            undo.add(_soon(rmtree, self.machine.folder.envoy / name, ignore_errors=True))
        for path, text in files.items():
            if path.partition("/")[0] in new:
                (self.machine.folder.envoy / path).parent.mkdir(mode=0o700, exist_ok=True)
                write_privately(self.machine.folder.envoy / path, text)
        undo.add(partial(self._take_away, before=dict(self._keepers)))
        added = self._add(starting)
        self.supervisor.begin(added)
        await self.supervisor.until_ready(added)

    async def _lead_over(self, change: Difference, files: dict[str, str], undo: Undo) -> set[str]:
        """Give the Envoys that run already their new files; says which have some."""
        envoys = [
            keeper
            for one, keeper in self._keepers.items()
            if keeper.spec.admin and one not in change.starting | change.gone
        ]
        names = {envoy.spec.name for envoy in envoys}
        folder = self.machine.folder.envoy
        after = {path: text for path, text in files.items() if path.partition("/")[0] in names}
        before = {path: (folder / path).read_text(encoding="utf-8") for path in after}
        after = {path: text for path, text in after.items() if text != before[path]}
        undo.add(partial(switch, folder, envoys, after, {path: before[path] for path in after}))
        await switch(folder, envoys, before, after)
        return {path.partition("/")[0] for path in after}

    async def _start_again(self, specs: Iterable[Spec]) -> None:
        again = self._add(specs)
        self.supervisor.begin(again)
        await self.supervisor.until_ready(again)

    async def _take_away(self, before: dict[Key, Keeper]) -> None:
        added = [keeper for one, keeper in self._keepers.items() if before.get(one) is not keeper]
        self._keepers = before
        await self.supervisor.remove(added)

    def _add(self, specs: Iterable[Spec]) -> list[Keeper]:
        added = self.supervisor.add(specs)
        self._keepers |= {key(keeper.spec): keeper for keeper in added}
        return added

    def _of(self, kind: str) -> list[Keeper]:
        return [keeper for (of, _), keeper in self._keepers.items() if of == kind]

    def _specs(self, topology: Topology, plan: Plan) -> list[Spec]:
        assert isinstance(plan.identity.address, UnixSocket)  # noqa: S101 - on one machine it always is
        return [
            workloads.edge(self.machine, plan),
            workloads.identity(self.machine, plan.identity.address, self._prepared),
            workloads.control(self.machine),
            *workloads.services(self.machine, topology, plan),
            *workloads.sidecars(self.machine, plan),
        ]


def _words(change: Difference, led: Collection[str]) -> list[str]:
    """Say what has changed, by the workloads' names."""
    said = {
        "new": {name for _, name in change.new},
        "gone": {name for _, name in change.gone},
        "started anew": {name for _, name in change.others},
        "changed": set(led),
    }
    return [f"{what}: {', '.join(sorted(names))}" for what, names in said.items() if names]


def _soon(
    do: Callable[..., object], *arguments: object, **options: object
) -> Callable[[], Awaitable[object]]:
    """Make a way back of a function that waits for nothing."""

    async def way() -> object:
        return do(*arguments, **options)

    return way
