"""Keeps what Envoys start with in a ConfigMap that their pods mount: in a cluster.

Several controls keep the same one. Each looks whether what it knows is there, and writes only what is not, so that
they write nothing against each other; a control that has lost its database does not write what it knew last.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from pillion.control.cluster_api import Api, ApiError, ConflictError
from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.control.keeper import Kept
from pillion.control.known_changes import changes, last
from pillion.plan.model import Issuer

# How often at most it is written: every write goes to each node with an Envoy on it.
BETWEEN_SECONDS: Final = 5.0
# How often it is looked at though there is nothing new: somebody may have changed it.
LOOK_AGAIN_SECONDS: Final = 60.0
# How long a start waits for the API. Without it, keys of other issuers may be unknown that Envoys have.
BEGIN_SECONDS: Final = 15.0
# After a failure: the first wait, doubled each time, up to the longest; half of it by chance.
RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0

_log = logging.getLogger("pillion.control")


class KnownConfigMap:
    """The ConfigMap to which `api` leads; see `pillion.control.keeper.Keeper`.

    `recalled` is called when it could be read for the first time.
    """

    def __init__(self, api: Api, recalled: Callable[[], None]) -> None:
        self.kept = Kept()
        self._api = api
        self._recalled = recalled
        self._there: Mapping[str, str] | None = None
        self._wanted: tuple[Facts | None, Mapping[Issuer, IssuerKeys]] | None = None
        self._new = asyncio.Event()
        self._current = False
        # Whether there are facts that have not been written yet: once they are, though the database be away.
        self._unwritten = False

    async def begin(self) -> None:
        """Read it, for `last`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._see_to_it()

    async def run(self) -> None:
        """See to it that it holds what is known."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._new.wait(), LOOK_AGAIN_SECONDS)
            await self._see_to_it()
            await asyncio.sleep(BETWEEN_SECONDS)

    def last(self, issuer: Issuer) -> IssuerKeys:
        """Give the last good set of this issuer."""
        return last(self._there or {}, issuer)

    def keep(self, facts: Facts, trusted: Mapping[Issuer, IssuerKeys], *, current: bool) -> None:
        """Write it soon, if it is not there."""
        self._current = current
        self._unwritten |= current
        self._wanted = (facts if self._unwritten else None, trusted)
        self._new.set()

    async def _see_to_it(self) -> None:
        """Look, and write what is missing; as often as that takes."""
        retry = RETRY_SECONDS
        while True:
            self._new.clear()
            try:
                await self._settle()
            except ConflictError:  # by another control: what it wrote is perhaps all
                await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311 - no secret
            except ApiError as error:
                self._failed(error)
                pause = min(max(retry, error.again_after), LONGEST_RETRY_SECONDS)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
                retry = min(2 * retry, LONGEST_RETRY_SECONDS)
            else:
                return

    async def _settle(self) -> None:
        """Look once, and write what is missing; raises ApiError."""
        content = await self._api.read()
        first, self._there = self._there is None, content.data
        if first:
            self._recalled()
        wanted = self._wanted
        if wanted is None:
            self._succeeded(self.kept.left_out)
            return
        facts, trusted = wanted
        missing = changes(content.data, facts, trusted, time.time())
        if missing.values:
            self._there = (await self._api.change(missing.values, content.version)).data
        if wanted is self._wanted:
            self._unwritten = False
            self._wanted = (facts if self._current else None, trusted)
        self._succeeded(self.kept.left_out if facts is None else missing.left_out)

    def _succeeded(self, left_out: int) -> None:
        if self.kept.error is not None:
            _log.warning("what Envoys start with can be kept again")
        if left_out and not self.kept.left_out:
            _log.error(
                "the oldest %d revocations find no room in the ConfigMap: an Envoy that starts while no control "
                "answers does not know them",
                left_out,
            )
        self.kept = Kept(None, left_out)

    def _failed(self, error: ApiError) -> None:
        if self.kept.error is None:
            _log.error("what Envoys start with cannot be kept (%s): this is tried again", error)
        self.kept = Kept(str(error), self.kept.left_out)
