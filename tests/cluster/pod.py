"""One pod from its making to its end, as a kubelet leads it."""

import asyncio
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster import network, volumes
from tests.cluster.container import Container, Place, owner
from tests.cluster.environment import Facts, NotYetError

_RETRY_SECONDS: Final = 0.2
_DEFAULT_GRACE: Final = 30


@dataclass(frozen=True)
class Apiserver:
    """What a pod asks of it, in its namespace: content of ConfigMaps and Secrets, tokens; and how it says news."""

    content: Callable[[str, str], Mapping[str, bytes] | None]
    token: volumes.TokenMaker
    changed: Callable[[], None]


class Pod:
    """A pod; `ready` says whether Services send requests to it."""

    def __init__(self, manifest: Mapping[str, Any], number: int, folder: Path, api: Apiserver) -> None:
        self.manifest = manifest
        self.name: str = manifest["metadata"]["name"]
        self.namespace: str = manifest["metadata"]["namespace"]
        self.labels: Mapping[str, str] = manifest["metadata"].get("labels", {})
        self.owner: str = manifest["metadata"].get("owner", "")
        self.revision: str = manifest["metadata"].get("revision", "")
        self.address = ""
        self.waits_for = ""
        self.containers: dict[str, Container] = {}
        self.terminating = False
        self.phase = "Pending"
        self.ended = asyncio.Event()
        self._number, self._folder = number, folder / self.name
        self._api, self._changed = api, api.changed
        self._sandbox: network.Sandbox | None = None
        self._tasks: list[asyncio.Task[int]] = []
        self._life = asyncio.create_task(self._live())

    @property
    def ready(self) -> bool:
        """Whether all containers are, and it is not on its way out."""
        return self.phase == "Running" and not self.terminating and all(c.ready for c in self._lasting())

    def refresh(self) -> None:
        """Bring volumes up to date with what is applied now."""
        if self.address and not self.ended.is_set():
            self._lay()

    async def end(self, grace: float | None = None) -> None:
        """Delete it, as `kubectl delete pod` does."""
        if self.terminating:
            await self.ended.wait()
            return
        self.terminating = True
        self._changed()
        seconds = self.manifest["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE)
        try:
            async with asyncio.timeout(seconds if grace is None else grace):
                await self._end_containers()
        except TimeoutError:
            self.kill()
        await self._finish()

    def kill(self) -> None:
        """End every container as a power cut would."""
        for one in self.containers.values():
            one.program.send(signal.SIGKILL)

    @property
    def holder(self) -> int:
        """The process that holds its network."""
        assert self._sandbox is not None
        return self._sandbox.holder.pid

    async def from_network(self, *words: str) -> str:
        """Run a program of this machine in the pod's network; gives what it printed."""
        return await network.run("nsenter", f"--net=/proc/{self.holder}/ns/net", *words)

    def _lasting(self) -> list[Container]:
        init = {one["name"] for one in self.manifest["spec"].get("initContainers", ())}
        return [one for one in self.containers.values() if one.is_sidecar or one.name not in init]

    async def _live(self) -> None:
        self._sandbox = await network.sandbox(self._number)
        self.address = self._sandbox.address
        self._changed()
        place, facts = await self._place()
        spec = self.manifest["spec"]
        policy = spec.get("restartPolicy", "Always")
        for one in (*spec.get("initContainers", ()), *spec["containers"]):
            self.containers[one["name"]] = Container(one, place, facts, self._changed)
        for one in spec.get("initContainers", ()):
            container = self.containers[one["name"]]
            if container.is_sidecar:
                self._run(container, "Always")
                await container.started.wait()
            else:
                await self._retried(container, "Never" if policy == "Never" else "OnFailure")
        self.phase = "Running"
        mains = [self._run(self.containers[one["name"]], policy) for one in spec["containers"]]
        codes = await asyncio.gather(*mains)
        if not self.terminating:
            self.phase = "Succeeded" if not any(codes) else "Failed"
            for container in reversed(self._lasting()):
                container.no_more()
                container.program.send(signal.SIGTERM)
            await asyncio.wait(self._tasks, timeout=spec.get("terminationGracePeriodSeconds", 30))
            await self._finish()

    async def _place(self) -> tuple[Place, Facts]:
        assert self._sandbox is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        resolv = self._folder / "resolv.conf"
        search = f"{self.namespace}.svc.cluster.local svc.cluster.local cluster.local"
        resolv.write_text(f"nameserver {network.DNS}\nsearch {search}\noptions ndots:5\n")
        while True:
            try:
                self._lay()
            except NotYetError as missing:
                self.waits_for = str(missing)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.waits_for = ""
                break
        folders = {str(one["name"]): self._volume(one) for one in self.manifest["spec"].get("volumes", ())}
        return Place(self._folder, folders, resolv, self._sandbox.holder.pid, self.address), self._facts()

    def _facts(self) -> Facts:
        return Facts(self.manifest, self.address, self._api.content)

    def _volume(self, volume: Mapping[str, Any]) -> Path:
        return Path(self._folder, "volumes", volume["name"])

    def _lay(self) -> None:
        first = self.manifest["spec"]["containers"][0]
        user, _ = owner(self.manifest, first)
        for volume in self.manifest["spec"].get("volumes", ()):
            volumes.lay(volume, self._volume(volume), self._facts(), self._api.token, user)

    async def _retried(self, container: Container, policy: str) -> None:
        while True:
            try:
                await container.again_and_again(policy)
            except NotYetError as missing:
                self.waits_for = str(missing)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.waits_for = ""
                return

    def _run(self, container: Container, policy: str) -> "asyncio.Task[int]":
        async def run() -> int:
            await self._retried(container, policy)
            return container.exit_code or 0

        task = asyncio.create_task(run())
        self._tasks.append(task)
        return task

    async def _end_containers(self) -> None:
        if self.phase == "Pending":
            self._life.cancel()
        init = {one["name"] for one in self.manifest["spec"].get("initContainers", ())}
        mains = [one for one in self.containers.values() if one.name not in init]
        sidecars = [one for one in self.containers.values() if one.is_sidecar]
        for one in self.containers.values():
            one.no_more()
        before = [asyncio.create_task(one.before_end()) for one in sidecars]
        await asyncio.gather(*(self._end_one(one) for one in mains))
        await asyncio.gather(*before)
        for one in reversed(sidecars):
            await one.stop()

    async def _end_one(self, container: Container) -> None:
        await container.before_end()
        await container.stop()

    async def _finish(self) -> None:
        if self.ended.is_set():
            return
        self.kill()
        for task in self._tasks:
            task.cancel()
        if self._sandbox is not None:
            await self._sandbox.close()
        shutil.rmtree(self._folder / "volumes", ignore_errors=True)
        self.ended.set()
        self._changed()
