"""Keeps one process running: starts it, waits until it is ready, and starts it again when it dies."""

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from pillion.local import process as processes
from pillion.local.failure import LocalError
from pillion.local.output import LogFile
from pillion.local.process import Process, Receivers, exit_words
from pillion.local.record import Entry
from pillion.local.spec import Spec

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
HEALTHY_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
_PROBE_SECONDS: Final = 0.02
_LOG_SECONDS: Final = 0.1
_LAST_LINES: Final = 8
_GRAVE: Final = ("[critical]", "[error]", "[warning]")  # Envoy's levels, the worst first


class Keeper:
    """One workload while `up` runs; `entry` says how it is. `changed` is called when that changes."""

    def __init__(
        self, spec: Spec, log: LogFile, changed: Callable[[], None], printed: Callable[[str, str], None]
    ) -> None:
        self.spec: Final = spec
        self.entry = Entry(
            name=spec.name,
            kind=spec.kind,
            state="waiting" if spec.command else "external",
            address=spec.address,
            egress=spec.egress,
            isolated=spec.command is not None and spec.command.entrance is not None,
        )
        self._log = log
        self._changed = changed
        self._printed = printed
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._stopping = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    async def run(self) -> None:
        """Keep the process running until cancelled; raises LocalError if it never gets ready at all."""
        deaths = 0
        pause = FIRST_PAUSE_SECONDS
        while True:
            code, healthy = await self._once()
            deaths += 1
            if not self._ready.is_set() and deaths >= self.spec.deaths:
                raise self._failure(f"ended at its start ({exit_words(code)})")
            if healthy >= HEALTHY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._set(state="restarting", last_exit=code, last_line=self._last[-1] if self._last else None)
            self._say(f"ended ({exit_words(code)}), starts again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._set(restarts=self.entry.restarts + 1)

    async def once(self) -> str:
        """Run the process to its end, which must come by itself and be a good one; gives what it prints.

        What it says on standard error goes to the workload's log. Raises LocalError with the last of that when
        the process fails or takes too long.
        """
        assert self.spec.command is not None  # noqa: S101 - external workloads are not run
        printed: list[str] = []
        try:
            self._process = await processes.start(
                self.spec.command, Receivers(printed.append, self._line), self._started
            )
            async with asyncio.timeout(self.spec.ready_within):
                code = await self._process.exited()
        except TimeoutError:
            raise self._failure(f"was not prepared within {self.spec.ready_within:g} s") from None
        except OSError as error:
            raise LocalError(f"{self.spec.title} cannot be prepared: {error.strerror or error}") from None
        self._process = None
        if code != 0:
            last = self._last[-1] if self._last else f"{exit_words(code)}, and it printed nothing"
            last = last.removeprefix(f"{self.spec.name}: ")
            raise LocalError(f"{self.spec.title} cannot be prepared: {last}")
        return "\n".join(printed)

    async def ready(self) -> None:
        """Wait until the workload was ready once; an external one is not waited for."""
        if self.spec.command is not None:
            await self._ready.wait()

    async def stop(self) -> None:
        """End the process and all that it started, after `run` was cancelled."""
        self._stopping = True
        if self._process is not None:
            self._set(state="stopping")
            if self.spec.drain is not None:
                await self.spec.drain()
            await self._process.stop(STOP_SECONDS)
            self._process = None
        self._remove_sockets()
        if self.spec.command is not None:
            self._set(state="stopped", pid=None, birth=None, since=None)
        self._log.close()

    def kill(self) -> None:
        """End everything of it at once."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)

    async def _once(self) -> tuple[int, float]:
        """Run the process to its end; gives its exit code, and for how many seconds it was ready."""
        assert self.spec.command is not None  # noqa: S101 - external workloads are not run
        self._remove_sockets()
        self._last.clear()
        try:
            self._process = await processes.start(self.spec.command, Receivers(self._line), self._started)
        except OSError as error:
            what = f"{self.spec.title} cannot be started: {error.strerror or error}"
            if not self._ready.is_set():
                raise LocalError(what) from None
            self._line(what)
            return os.EX_OSERR, 0.0
        process = self._process
        ended = asyncio.ensure_future(process.exited())
        probed = asyncio.ensure_future(self._until_ready())
        try:
            await asyncio.wait((ended, probed), return_when=asyncio.FIRST_COMPLETED)
            since = None
            if probed.done():
                probed.result()
                since = time.monotonic()
            code = await ended
        finally:
            probed.cancel()
            ended.cancel()
        process.send(signal.SIGKILL)  # what it left behind would hold its port
        self._process = None
        return code, 0.0 if since is None else time.monotonic() - since

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + self.spec.ready_within
        while not await self._is_sound():
            if time.monotonic() > deadline and not self._ready.is_set():
                raise self._failure(
                    f"was not ready at {self.spec.address} within {self.spec.ready_within:g} s"
                )
            await asyncio.sleep(_PROBE_SECONDS)
        self._ready.set()
        self._set(state="ready", since=time.time())

    async def _is_sound(self) -> bool:
        ready = await self.spec.probe()
        if self.spec.refuses is None or not await self.spec.refuses():
            return ready
        if not self._ready.is_set():
            await asyncio.sleep(_LOG_SECONDS)  # what it says of it comes through another pipe
            raise self._failure("does not take its configuration")
        return False

    def _started(self, pid: int, birth: str | None) -> None:
        self._set(state="starting", pid=pid, birth=birth, since=time.time())

    def _set(self, **changes: Any) -> None:
        self.entry = self.entry.model_copy(update=changes)
        self._changed()

    def _line(self, line: str) -> None:
        if line.strip():
            self._last.append(line)
        self._log.write(line)
        self._printed(self.spec.log, line)

    def _say(self, what: str) -> None:
        if not self._stopping:
            self._printed("pillion", f"{self.spec.title} {what}")

    def _failure(self, what: str) -> LocalError:
        self._set(state="failed")
        return LocalError(f"{self.spec.title} {what}{self.why()}")

    def why(self) -> str:
        """Show what it said last; of an Envoy, the gravest line, which the others only follow."""
        if not self._last:
            return "; it printed nothing"
        for level in _GRAVE if self.spec.kind in {"edge", "sidecar"} else ():
            if grave := [line for line in self._last if level in line]:
                return f": {grave[-1]}"
        return "; it printed last:\n" + "\n".join(f"    {line}" for line in self._last)

    def _remove_sockets(self) -> None:
        for path in self.spec.sockets:
            path.unlink(missing_ok=True)
