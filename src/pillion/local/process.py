"""One running process: in a session of its own, recorded before it begins, its output read as it comes."""

import asyncio
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pillion.local import births, groups
from pillion.local.isolation import Entrance
from pillion.local.output import Lines

# Waits for one line before it becomes the command. If the supervisor is killed before it has written the pid
# down, the line never comes, `read` fails, and nothing was started that nobody knows of.
_GATE: Final = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")

_PRIVATE: Final = 0o077
_DRAIN_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Command:
    """What to execute: words, folder, whole environment; `private` files are for their owner alone.

    Without an `entrance` it runs in the namespaces of `pillion up`.
    """

    words: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    private: bool = True
    entrance: Entrance | None = None


@dataclass(frozen=True)
class Receivers:
    """Who is given each line of a process's output, and of its standard error if that is wanted apart."""

    line: Callable[[str], None]
    error: Callable[[str], None] | None = None


class Process:
    """A started process. Made by `start`; everything happens on the event loop."""

    def __init__(self, popen: "subprocess.Popen[bytes]", born: str | None) -> None:
        self.pid: Final = popen.pid
        self.birth: Final = born
        self._popen = popen
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pipes: list[tuple[asyncio.ReadTransport, asyncio.Future[None]]] = []

    async def exited(self) -> int:
        """Wait until the process has ended and its output is read; gives its exit code (-9: SIGKILL)."""
        code = await asyncio.shield(self._exit)
        await self._drain()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process and all that it started."""
        groups.send(self.pid, number)

    async def stop(self, grace: float) -> None:
        """Ask the whole group to end, insist after `grace` seconds, and return when it is gone."""
        self.send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._gone()
        self.send(signal.SIGKILL)
        await asyncio.shield(self._exit)
        await self._drain()

    async def _gone(self) -> None:
        await asyncio.shield(self._exit)
        while not groups.is_empty(self.pid):  # noqa: ASYNC110 - the system has no event for it
            await asyncio.sleep(groups.POLL_SECONDS)

    async def _drain(self) -> None:
        """Read what is still in the pipes; what has inherited one and keeps it open is not waited for."""
        await asyncio.wait([drained for _, drained in self._pipes], timeout=_DRAIN_SECONDS)
        for transport, _ in self._pipes:
            transport.close()

    async def attach(self, receivers: Receivers) -> None:
        """Begin to read the output and to wait for the end."""
        pipes = ((self._popen.stdout, receivers.line), (self._popen.stderr, receivers.error))
        for pipe, receive in pipes:
            if pipe is not None and receive is not None:
                self._pipes.append(await _read(pipe, receive))
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=(loop,), daemon=True, name=f"wait-{self.pid}").start()

    def open_gate(self) -> None:
        """Let the command begin."""
        assert self._popen.stdin is not None  # noqa: S101 - `start` made it a pipe
        with suppress(BrokenPipeError):
            self._popen.stdin.write(b"\n")
            self._popen.stdin.flush()
        with suppress(BrokenPipeError):
            self._popen.stdin.close()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        code = self._popen.wait()
        with suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(self._ended, code)

    def _ended(self, code: int) -> None:
        if not self._exit.done():
            self._exit.set_result(code)


async def start(command: Command, receivers: Receivers, record: Callable[[int, str | None], None]) -> Process:
    """Start `command`; it begins after `record` was called with its pid and birth and has returned.

    Raises OSError when the system cannot start a process at all, LocalError when it has no namespaces to enter.
    """
    entrance, descriptors = command.entrance.words() if command.entrance else ((), ())
    popen = subprocess.Popen(  # noqa: ASYNC220 - a fork of a millisecond; asyncio waits for pipes, not for the end
        [*_GATE, *entrance, *command.words],
        cwd=command.folder,
        env=command.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if receivers.error is None else subprocess.PIPE,
        start_new_session=True,
        pass_fds=descriptors,
        umask=_PRIVATE if command.private else -1,
    )
    process = Process(popen, births.birth(popen.pid))
    try:
        await process.attach(receivers)
        record(process.pid, process.birth)
    except BaseException:
        process.send(signal.SIGKILL)
        raise
    process.open_gate()
    return process


def exit_words(code: int) -> str:
    """Say in words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


class _Pipe(asyncio.Protocol):
    def __init__(self, lines: Lines, drained: "asyncio.Future[None]") -> None:
        self._lines = lines
        self._drained = drained

    def data_received(self, data: bytes) -> None:
        self._lines.feed(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._lines.close()
        if not self._drained.done():
            self._drained.set_result(None)


async def _read(
    pipe: IO[bytes], receive: Callable[[str], None]
) -> "tuple[asyncio.ReadTransport, asyncio.Future[None]]":
    loop = asyncio.get_running_loop()
    drained = loop.create_future()
    transport, _ = await loop.connect_read_pipe(lambda: _Pipe(Lines(receive), drained), pipe)
    return transport, drained
