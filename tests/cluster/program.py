"""The program of a container, whoever describes that: it is started by `enter.py`, signalled, and worked in."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

RESOLV_CONF: Final = os.path.realpath("/etc/resolv.conf")
_ENTER: Final = (sys.executable, "-I", "-S", str(Path(__file__).with_name("enter.py")))


class Program:
    """A program that may run; what it says goes to `log`."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._shim: asyncio.subprocess.Process | None = None

    async def start(self, spec: Mapping[str, Any]) -> None:
        """Start it by a specification of `enter.py`, but for the folder in which its root is made."""
        base = self.log.with_suffix(".root")
        base.mkdir(exist_ok=True)
        written = self.log.with_suffix(".json")
        written.touch(mode=0o600)
        written.write_text(json.dumps({"base": str(base), **spec}), encoding="utf-8")
        with self.log.open("ab") as log:
            self._shim = await asyncio.create_subprocess_exec(
                *_ENTER, str(written), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )

    async def wait(self) -> int:
        """Wait until it ends; gives its exit code."""
        assert self._shim is not None
        return await self._shim.wait()

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._shim is not None and self._shim.returncode is None

    @property
    def first_process(self) -> int | None:
        """The program's process on this machine."""
        if self._shim is None or self._shim.returncode is not None:
            return None
        with suppress(OSError, ValueError, IndexError):
            path = Path(f"/proc/{self._shim.pid}/task/{self._shim.pid}/children")
            return int(path.read_text().split()[0])
        return None

    def send(self, number: int) -> None:
        """Send it a signal: KILL to its first process ends all of them."""
        process = self.first_process
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def give_up(self) -> None:
        """End what has not come so far as to be the program."""
        if self.is_running and self.first_process is None:
            assert self._shim is not None
            self._shim.kill()

    async def output(
        self, command: Sequence[str], owner: tuple[int, int], folder: str, given: bytes | None = None
    ) -> tuple[int, bytes]:
        """Run a command beside it, as a user and group; gives its exit code and what it said."""
        process = self.first_process
        if process is None:
            return 1, b"it does not run"
        user, group = owner
        running = await asyncio.create_subprocess_exec(
            *(*_ENTER, str(process), str(user), str(group), folder, *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await running.communicate(given)
        except asyncio.CancelledError:
            running.kill()
            raise
        return running.returncode or 0, said
