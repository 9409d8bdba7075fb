"""The process that runs a project: `python -m tests.compose.engine PROJECT FOLDER LISTENER`.

It is in a network namespace of its own. LISTENER is a socket from outside of it, where connections for the one
published port are taken. It says `ready` when everything is up; what tests order comes by standard input, a JSON
object a line, and is answered by one.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.compose import project
from tests.compose.container import Container, make_volume
from tests.compose.networks import Networks

_PAUSE_SECONDS = 0.2
# What takes no signal as the first process is killed then, as Docker does after ten seconds.
_ENDS_WITHIN_SECONDS = 2


class Engine:
    """A project that runs."""

    def __init__(self, described: Mapping[str, Any], source: Path, folder: Path) -> None:
        self._services: Mapping[str, Any] = described["services"]
        self.networks = Networks(described["networks"])
        for name, spec in described["volumes"].items():
            make_volume(folder / "volumes" / name, spec or {}, name)
        self.containers = {
            name: Container(name, spec, source, folder) for name, spec in self._services.items()
        }
        self._holders: dict[str, asyncio.subprocess.Process] = {}
        self._up: dict[str, asyncio.Task[None]] = {}
        self._restarts: set[asyncio.Task[None]] = set()
        self._ending = False

    async def up(self) -> None:
        """Start everything, each after what it depends on."""
        await self.networks.start()
        for name, spec in self._services.items():
            if not str(spec.get("network_mode", "")).startswith("service:"):
                self._holders[name] = await self.networks.sandbox(
                    name, spec.get("networks", {}), self.containers[name].folder
                )
        for name in self._services:
            self._up[name] = asyncio.create_task(self._start(name))
        await asyncio.gather(*self._up.values())

    async def down(self) -> None:
        """End everything."""
        self._ending = True
        for task in self._restarts:
            task.cancel()
        for container in self.containers.values():
            container.program.send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN_SECONDS):
                await asyncio.gather(*(one.program.wait() for one in self.containers.values()))
        for container in self.containers.values():
            container.program.send(signal.SIGKILL)
        for holder in self._holders.values():
            holder.kill()
            await holder.wait()

    async def _start(self, name: str) -> None:
        container, spec = self.containers[name], self._services[name]
        for other, how in spec.get("depends_on", {}).items():
            await self._up[other]
            if how["condition"] == "service_healthy":
                await self._healthy(self.containers[other])
            elif how["condition"] == "service_completed_successfully":
                program = self.containers[other].program
                assert await program.wait() == 0, program.log.read_text()
            else:
                assert how["condition"] == "service_started"
        await self._run(container)

    async def _healthy(self, container: Container) -> None:
        while True:
            if await container.healthy():
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _run(self, container: Container) -> None:
        mode = str(container.spec.get("network_mode", ""))
        owner = mode.removeprefix("service:") if mode.startswith("service:") else container.name
        await container.start(self._holders[owner].pid, self.containers[owner].folder / "resolv.conf")
        if container.spec["restart"] == "unless-stopped":
            task = asyncio.create_task(self._restarted(container))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def _restarted(self, container: Container) -> None:
        await container.program.wait()
        if not self._ending:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._run(container)

    async def obey(self, order: Mapping[str, Any]) -> Any:
        """Do what a test wants done."""
        match order:
            case {"do": "execute", "container": name, "words": words}:
                return await self.containers[name].execute(words)
            case {"do": "healthy"}:
                checked = [name for name, spec in self._services.items() if "healthcheck" in spec]
                return {name: await self.containers[name].healthy() for name in checked}
            case {"do": "signal", "container": name, "number": number}:
                return self.containers[name].program.send(number)
            case {"do": "log", "container": name}:
                return self.containers[name].program.log.read_text(errors="replace")
            case {"do": "address", "container": name, "network": network}:
                return self.networks.address(name, network)
        raise ValueError(f"no order: {order}")


async def main(source: Path, folder: Path, listener: int) -> None:
    """Serve until standard input ends."""
    described = project.read(source, project.variables(source))
    engine = Engine(described, source, folder)
    try:
        await engine.up()
        [published] = described["services"]["edge"]["ports"]
        port = int(published.rpartition(":")[2])
        edge = engine.networks.address("edge", "edge_public")
        await asyncio.start_server(
            lambda *inner: _relay(inner, edge, port), sock=socket.socket(fileno=listener)
        )
        _say("ready")
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            _say(json.dumps(await engine.obey(json.loads(line))))
    finally:
        await engine.down()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _relay(inner: tuple[asyncio.StreamReader, asyncio.StreamWriter], host: str, port: int) -> None:
    outer = await asyncio.open_connection(host, port)
    await asyncio.gather(_pump(inner[0], outer[1]), _pump(outer[0], inner[1]))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()


if __name__ == "__main__":
    os.umask(0o022)
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
