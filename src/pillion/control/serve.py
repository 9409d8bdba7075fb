"""Runs control until it is told to stop: the database is followed, the Envoys are told, what they say is noted."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pillion.control import config as configuration
from pillion.control import credentials, database
from pillion.control.config import Config, ConfigError
from pillion.control.facts import Facts
from pillion.control.issuers import Issuers
from pillion.control.known import write_known
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
    config = configuration.read(file)
    control = _Control(config)
    stopped = threading.Event()
    following = threading.Thread(
        target=control.database.follow, args=(control.told(), stopped), name="database", daemon=True
    )
    following.start()
    tasks = [asyncio.create_task(control.report()), asyncio.create_task(control.reread(file))]
    try:
        # Before there is anything to tell, an Envoy had better not wait for it.
        await _first(control.informed.wait(), stop.wait())
        async with listening(control.streams, socket):
            await _first(stop.wait(), *tasks)
    finally:
        stopped.set()
        await control.issuers.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(control.database.withdraw, config.instance)


class _Control:
    """What is known, and who has to be told."""

    def __init__(self, config: Config) -> None:
        self.informed = asyncio.Event()
        self.database = database.named(config.database)
        self.streams = Streams(credentials.read_key(config.credentials), self._changed)
        self.streams.admit(config.envoys)
        self.issuers = Issuers(config.known, self._publish)
        self.issuers.trust(config.trust)
        self._config = config
        self._facts: Facts | None = None
        self._unreported = asyncio.Event()

    def told(self) -> Callable[[Facts], None]:
        """Give the function by which another thread tells new facts."""
        loop = asyncio.get_running_loop()

        def tell(facts: Facts) -> None:
            with suppress(RuntimeError):  # the loop is closed: control stops
                loop.call_soon_threadsafe(self._learn, facts)

        return tell

    async def report(self) -> None:
        """Write down what the Envoys have, at every change and with every heartbeat."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._unreported.wait(), HEARTBEAT_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)
            self._unreported.clear()
            written = document(self._config.envoys, self.streams.clients, self.issuers.all())
            await asyncio.to_thread(self.database.report, self._config.instance, written)

    async def reread(self, file: Path) -> None:
        """Take up a changed configuration; one that is wrong is told, and the last good one stays."""
        seen = _mark(file)
        while True:
            await asyncio.sleep(CONFIG_POLL_SECONDS)
            if (now := _mark(file)) == seen:
                continue
            seen = now
            try:
                self._configure(configuration.read(file))
            except ConfigError as error:
                _log.error("%s; what was read before stays", error)

    def _configure(self, config: Config) -> None:
        self._config = config
        self.streams.admit(config.envoys)
        self.issuers.trust(config.trust)
        self._publish()

    def _learn(self, facts: Facts) -> None:
        if self._facts is None or facts.keys != self._facts.keys:
            _log.info("keys: %s", " ".join(str(key["kid"]) for key in facts.keys) or "none")
        self._facts = facts
        self._publish()
        if facts.keys:  # before, identity is not prepared
            self.informed.set()

    def _publish(self) -> None:
        if self._facts is None:
            return
        trusted = {one.issuer: one.keys for one in self.issuers.all()}
        by_name = {issuer.name: keys for issuer, keys in trusted.items()}
        self.streams.publish(resources(self._config.verification, self._facts, by_name))
        # Afterwards: whoever starts in this moment is told by the stream.
        try:
            write_known(self._config.known, self._facts, trusted)
        except OSError as error:
            _log.error("%s cannot be written: %s", self._config.known, error.strerror)
        self._changed()

    def _changed(self) -> None:
        self._unreported.set()


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
