"""One container: it is started, probed, started again, and ended."""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import images, network, probes
from tests.cluster.environment import Facts, variables, words
from tests.cluster.program import RESOLV_CONF, Program

# A kubelet begins with 10 s and ends with five minutes.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0


@dataclass(frozen=True)
class Place:
    """What a container gets of its pod: folders of volumes by name, and the process that holds the network."""

    folder: Path
    volumes: Mapping[str, Path]
    resolv_conf: Path
    network: int
    address: str


class Container:
    """A container by its specification."""

    def __init__(
        self, spec: Mapping[str, Any], place: Place, facts: Facts, changed: Callable[[], None]
    ) -> None:
        self.name: str = spec["name"]
        self.spec = spec
        self.ready = False
        self.restarts = 0
        self.exit_code: int | None = None
        self.started = asyncio.Event()
        self.program = Program(place.folder / f"{self.name}.log")
        self._place, self._facts, self._changed = place, facts, changed
        self._ending = False

    @property
    def is_sidecar(self) -> bool:
        """Whether it is an initContainer that goes on."""
        return self.spec.get("restartPolicy") == "Always"

    async def once(self) -> int:
        """Run it to its end; gives its exit code."""
        await self._start()
        probing = asyncio.create_task(self._probe())
        try:
            code = await self.program.wait()
        finally:
            probing.cancel()
            self._tell_ready(ready=False)
        self.exit_code = code
        self._changed()
        return code

    async def again_and_again(self, policy: str) -> int:
        """Run it, and start it again as the policy says."""
        pause = 0.0
        while True:
            code = await self.once()
            if self._ending or policy == "Never" or (policy == "OnFailure" and code == 0):
                return code
            self.restarts += 1
            await asyncio.sleep(pause)
            if self._ending:
                return code
            pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    async def before_end(self) -> None:
        """Do what stands in preStop."""
        hook = self.spec.get("lifecycle", {}).get("preStop", {})
        if "sleep" in hook:
            await asyncio.sleep(hook["sleep"]["seconds"])
        elif "exec" in hook:
            await self.execute(hook["exec"]["command"])
        elif "httpGet" in hook:
            with suppress(OSError):
                await probes.http_status(hook["httpGet"], self._place.address)

    def no_more(self) -> None:
        """Have it not be started again."""
        self._ending = True

    async def stop(self) -> None:
        """Tell it to end, and wait until it has."""
        if self.program.is_running:
            self.program.give_up()
            self.program.send(signal.SIGTERM)
            await self.program.wait()

    async def execute(self, command: Sequence[str], given: bytes | None = None) -> bool:
        """Run a command in it; says whether that ended well."""
        return (await self.output(command, given))[0] == 0

    async def output(self, command: Sequence[str], given: bytes | None = None) -> tuple[int, bytes]:
        """Run a command in it; gives its exit code and what it said."""
        return await self.program.output(command, owner(self._facts.pod, self.spec), self._folder(), given)

    def _folder(self) -> str:
        return self.spec.get("workingDir") or images.find(self.spec["image"]).folder

    async def _start(self) -> None:
        image = images.find(self.spec["image"])
        known = {"PATH": image.path, "HOME": "/", "HOSTNAME": self._facts.pod["metadata"]["name"]}
        known |= {"KUBERNETES_SERVICE_HOST": network.API, "KUBERNETES_SERVICE_PORT": "443"}
        known |= variables(self.spec, self._facts)
        user, group = owner(self._facts.pod, self.spec)
        mounts = [
            (str(self._place.volumes[one["name"]]), one["mountPath"], not one.get("readOnly", False))
            for one in self.spec.get("volumeMounts", ())
        ]
        spec = {
            "net": self._place.network,
            "root": image.root,
            "mounts": [*sorted(mounts, key=lambda one: one[1]), *self._files()],
            "folder": self._folder(),
            "user": user,
            "group": group,
            "words": words(self.spec, image.command, known),
            "environment": known,
        }
        self.started.clear()
        await self.program.start(spec)

    def _files(self) -> list[tuple[str, str, bool]]:
        return [(str(self._place.resolv_conf), RESOLV_CONF, False)]

    async def _probe(self) -> None:
        """Ask for start, then for life and readiness, as long as it runs."""
        startup = self.spec.get("startupProbe")
        if startup and not await probes.first_success(startup, lambda: self._asked(startup)):
            await self._restart("its startupProbe failed")
            return
        self.started.set()
        tasks = []
        if liveness := self.spec.get("livenessProbe"):
            failed = asyncio.Event()
            tasks += [
                probes.follow(liveness, lambda: self._asked(liveness), lambda _: failed.set(), good=True),
                self._restart_when(failed),
            ]
        if readiness := self.spec.get("readinessProbe"):
            tell = self._tell_ready
            tasks.append(
                probes.follow(
                    readiness, lambda: self._asked(readiness), lambda ok: tell(ready=ok), good=False
                )
            )
        else:
            self._tell_ready(ready=True)
        await asyncio.gather(*tasks)

    async def _asked(self, probe: Mapping[str, Any]) -> bool:
        return await probes.ask(probe, self._place.address, self.execute)

    async def _restart_when(self, failed: asyncio.Event) -> None:
        await failed.wait()
        await self._restart("its livenessProbe failed")

    async def _restart(self, why: str) -> None:
        with self.program.log.open("a") as log:
            log.write(f"--- {why}: it is started again\n")
        self.program.send(signal.SIGTERM)
        await asyncio.sleep(self._facts.pod["spec"].get("terminationGracePeriodSeconds", 30))
        self.program.send(signal.SIGKILL)

    def _tell_ready(self, *, ready: bool) -> None:
        if ready != self.ready:
            self.ready = ready
            self._changed()


def owner(pod: Mapping[str, Any], spec: Mapping[str, Any]) -> tuple[int, int]:
    """Give user and group of a container; -1 where this machine knows one user alone."""
    if Path("/proc/self/uid_map").read_text().split()[2] == "1":
        return -1, -1
    wanted = {**pod["spec"].get("securityContext", {}), **spec.get("securityContext", {})}
    user = int(wanted.get("runAsUser", 65534))
    return user, int(wanted.get("runAsGroup", user))
