"""Runs the workloads of one mesh: starts them in order, keeps them running, stops them in order."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

from pillion.local import births, record
from pillion.local.failure import LocalError
from pillion.local.folder import StateFolder
from pillion.local.keeper import Keeper
from pillion.local.output import LogFile
from pillion.local.record import Edit, Entry, Kind, Record
from pillion.local.spec import Spec

T = TypeVar("T")

# The edge goes first, so that nothing new comes in; identity last, since the others may still ask it.
STOP_ORDER: Final[tuple[tuple[Kind, ...], ...]] = (
    ("edge",),
    ("service",),
    ("sidecar",),
    ("control", "identity"),
)


class Supervisor:
    """The workloads of one mesh. `watch` is told of every change, `printed` of every line that one prints."""

    def __init__(
        self,
        folder: StateFolder,
        edge: str,
        watch: Callable[[Record], None],
        printed: Callable[[str, str], None],
    ) -> None:
        self._folder = folder
        self._edge = edge
        self._watch = watch
        self._printed = printed
        self._keepers: list[Keeper] = []
        self._errands: list[Keeper] = []
        self._tasks: dict[asyncio.Task[None], Keeper] = {}
        self._state: Literal["starting", "ready", "stopping", "stopped"] = "starting"
        self._birth = births.birth(os.getpid())
        self.edit: Edit | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """How each workload is now."""
        return tuple(keeper.entry for keeper in self._keepers)

    def add(self, specs: Iterable[Spec]) -> list[Keeper]:
        """Take workloads on, without starting them; they are recorded and shown as waiting."""
        added = [self._keeper(spec) for spec in specs]
        self._keepers += added
        self._changed()
        return added

    async def errand(self, spec: Spec) -> str:
        """Run a process that ends by itself, and give what it prints; raises LocalError if it fails."""
        keeper = self._keeper(spec)
        self._errands.append(keeper)
        printed = await keeper.once()
        self._errands.remove(keeper)
        self._changed()
        return printed

    def begin(self, keepers: Iterable[Keeper]) -> None:
        """Start these workloads, all at once."""
        for keeper in keepers:
            if keeper.spec.command is not None:
                self._tasks[asyncio.create_task(keeper.run(), name=keeper.spec.log)] = keeper

    async def until_ready(self, keepers: Sequence[Keeper]) -> None:
        """Wait until all these are ready; raises LocalError as soon as one of any that were begun fails."""
        await self.unless_failed(asyncio.ensure_future(_all_ready(keepers)))

    async def unless_failed(self, work: "asyncio.Future[T]") -> T:
        """Wait for `work`, but no longer than until a workload that is begun by now fails; raises LocalError."""
        watched = set(self._tasks)
        try:
            while not work.done():
                watched &= self._tasks.keys()  # without those that were removed meanwhile
                pending: set[asyncio.Future[Any]] = {work, *watched}
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in watched & self._tasks.keys():
                    if task.done():
                        task.result()
            return await work
        finally:
            work.cancel()

    def ready(self) -> None:
        """Say that everything is ready."""
        self._state = "ready"
        self._changed()

    async def remove(self, keepers: Iterable[Keeper]) -> None:
        """Stop these, all at once, and know them no more."""
        leaving = list(keepers)
        ended = [task for task, keeper in self._tasks.items() if keeper in leaving]
        for task in ended:
            del self._tasks[task]
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        await asyncio.gather(*(keeper.stop() for keeper in leaving))
        self._keepers = [keeper for keeper in self._keepers if keeper not in leaving]
        self._changed()

    def edited(self, edit: Edit) -> None:
        """Take note of what became of an edit of the topology."""
        self.edit = edit
        self._changed()

    async def stop(self) -> None:
        """Stop everything, in order."""
        self._state = "stopping"
        self._changed()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(errand.stop() for errand in self._errands))
        for kinds in STOP_ORDER:
            await asyncio.gather(
                *(self._end(keeper) for keeper in self._keepers if keeper.spec.kind in kinds)
            )
        self._state = "stopped"
        self._changed()

    def kill(self) -> None:
        """End everything at once; a `stop` that is under way finishes then."""
        for keeper in (*self._keepers, *self._errands):
            keeper.kill()

    async def _end(self, keeper: Keeper) -> None:
        for task, of in self._tasks.items():
            if of is keeper:
                with suppress(asyncio.CancelledError, Exception):  # what it failed of was raised before
                    await task
        await keeper.stop()

    def _keeper(self, spec: Spec) -> Keeper:
        log = LogFile(self._folder.logs / f"{spec.log}.log")
        return Keeper(spec, log, self._changed, self._printed)

    def _changed(self) -> None:
        now = Record(
            pid=os.getpid(),
            birth=self._birth,
            state=self._state,
            edge=self._edge,
            entries=self.entries,
            errands=tuple(keeper.entry for keeper in self._errands),
            edit=self.edit,
        )
        try:
            record.write(self._folder.record, now)
        except OSError as error:
            # Later, a disk that is full is no reason to stop what serves.
            if self._state == "starting":
                reason = (error.strerror or "input/output error").lower()
                raise LocalError(f"{self._folder.record} cannot be written: {reason}") from None
        self._watch(now)


async def _all_ready(keepers: Sequence[Keeper]) -> None:
    for keeper in keepers:
        await keeper.ready()
