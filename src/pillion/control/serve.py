"""Runs control until it is told to stop: the database is followed, the Envoys are told, what they say is noted."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from pillion.control import config as configuration
from pillion.control import database, proof
from pillion.control.config import Config, ConfigError, ConfigMap
from pillion.control.facts import Facts
from pillion.control.issuers import Issuers
from pillion.control.keeper import Keeper
from pillion.control.known_folder import KnownFolder
from pillion.control.report import document
from pillion.control.resources import resources
from pillion.control.server import Streams, listening

# How often control says that it lives; who reads takes one that is silent for five seconds for dead.
HEARTBEAT_SECONDS: Final = 1.0
# Many acknowledgements come at once: they are written down together.
GATHER_SECONDS: Final = 0.005
CONFIG_POLL_SECONDS: Final = 0.2

_log = logging.getLogger("pillion.control")


async def serve(file: Path, socket: Path, stop: asyncio.Event) -> None:
    """Serve what the configuration `file` says at `socket`, until `stop`.

    Raises ConfigError, CredentialsError or OSError.
    """
    control = _Control(configuration.read(file, os.environ))
    stopped = threading.Event()
    following = threading.Thread(
        target=control.database.follow, args=(control.told(), stopped), name="database", daemon=True
    )
    following.start()
    tasks = [
        asyncio.create_task(each) for each in (control.keep(), control.keep_reporting(), control.reread(file))
    ]
    try:
        # Before there is anything to tell, an Envoy had better not wait for it.
        await _first(control.informed.wait(), stop.wait())
        if stop.is_set():
            return
        async with listening(control.streams, socket):
            await _first(stop.wait(), *tasks)
            await control.report(ended=time.time())
    finally:
        stopped.set()
        await control.issuers.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Control:
    """What is known, and who has to be told."""

    def __init__(self, config: Config) -> None:
        self.informed = asyncio.Event()
        self.database = database.named(config.database)
        self.streams = Streams(proof.wanted(config), self._changed)
        self.streams.admit(config.envoys)
        self._keeper = _keeper(config.known, self._recall)
        self.issuers = Issuers(self._keeper.last, self._publish)
        self._config = config
        self._begun = False
        self._facts: Facts | None = None
        self._current = False
        self._unreported = asyncio.Event()
        # A thread of its own: those of asyncio may all be waiting for the names of other issuers.
        self._reporting = ThreadPoolExecutor(1, "report")

    def told(self) -> Callable[[Facts | None], None]:
        """Give the function by which another thread tells new facts."""
        loop = asyncio.get_running_loop()

        def tell(facts: Facts | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: control stops
                loop.call_soon_threadsafe(self._learn, facts)

        return tell

    async def keep_reporting(self) -> None:
        """Report at every change and with every heartbeat."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._unreported.wait(), HEARTBEAT_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)
            self._unreported.clear()
            await self.report()

    async def report(self, ended: float | None = None) -> None:
        """Write down what the Envoys have. It stays when control ends: they go on, and will have to be told.

        `ended` is when control has let them go (seconds since the epoch): they look for another one.
        """
        written = document(
            self._config.envoys, self.streams, self.issuers.all(), self._keeper.kept, ended=ended
        )
        await asyncio.get_running_loop().run_in_executor(
            self._reporting, self.database.report, self._config.instance, written
        )

    async def keep(self) -> None:
        """Keep what Envoys start with; where others are trusted, first learn from it what their keys were last."""
        if self._config.trust:
            await self._keeper.begin()
        self._begun = True
        self.issuers.trust(self._config.trust)
        self._publish()
        await self._keeper.run()

    async def reread(self, file: Path) -> None:
        """Take up a changed configuration; one that is wrong is told, and the last good one stays."""
        seen = _mark(file)
        while True:
            await asyncio.sleep(CONFIG_POLL_SECONDS)
            if (now := _mark(file)) == seen:
                continue
            seen = now
            try:
                self._configure(configuration.read(file, os.environ))
            except ConfigError as error:
                _log.error("%s; what was read before stays", error)

    def _configure(self, config: Config) -> None:
        self._config = config
        self.streams.admit(config.envoys)
        if self._begun:
            self.issuers.trust(config.trust)
            self._publish()

    def _learn(self, facts: Facts | None) -> None:
        """Take the facts as they are now; None says that the database is away: what was told stays true."""
        self._current = facts is not None
        if facts is None:
            self._publish()
            return
        if self._facts is None or facts.keys != self._facts.keys:
            _log.info("keys: %s", " ".join(str(key["kid"]) for key in facts.keys) or "none")
        self._facts = facts if self._facts is None else facts.after(self._facts, time.time())
        self._publish()

    def _publish(self) -> None:
        if self._facts is None or not self._begun:
            return
        by_name = {one.issuer.name: one.keys for one in self.issuers.all()}
        self.streams.publish(resources(self._config.verification, self._facts, by_name))
        trusted = {one.issuer: one.keys for one in self.issuers.all()}
        # Afterwards: whoever starts in this moment is told by the stream.
        self._keeper.keep(self._facts, trusted, current=self._current)
        self._changed()
        if self._facts.keys:  # before, identity is not prepared
            self.informed.set()

    def _recall(self) -> None:
        self.issuers.recall()

    def _changed(self) -> None:
        self._unreported.set()


def _keeper(known: Path | ConfigMap, recalled: Callable[[], None]) -> Keeper:
    if isinstance(known, Path):
        return KnownFolder(known)
    from pillion.control.cluster_api import Api  # noqa: PLC0415 - a laptop does without
    from pillion.control.known_config_map import KnownConfigMap  # noqa: PLC0415

    return KnownConfigMap(Api(known, os.environ), recalled)


def _mark(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


async def _first(*awaitables: Awaitable[object]) -> None:
    """Wait for the first of these, and raise what it raised."""
    tasks = [asyncio.ensure_future(one) for one in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
