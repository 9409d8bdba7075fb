"""Keeps what Envoys start with in a folder that they read: on one machine."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.control.keeper import Kept
from pillion.control.known import read_trusted, write_known
from pillion.plan.model import Issuer

RETRY_SECONDS: Final = 1.0

_log = logging.getLogger("pillion.control")


class KnownFolder:
    """The files below `envoys`; see `pillion.control.keeper.Keeper`."""

    def __init__(self, envoys: Path) -> None:
        self.kept = Kept()
        self._envoys = envoys
        self._wanted: tuple[Facts, Mapping[Issuer, IssuerKeys]] | None = None

    async def begin(self) -> None:
        """Nothing has to be read before: it is read when it is asked for."""

    async def run(self) -> None:
        """Try again what could not be written."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if self.kept.error is not None:
                self._write()

    def last(self, issuer: Issuer) -> IssuerKeys:
        """Give the last good set of this issuer."""
        return read_trusted(self._envoys, issuer)

    def keep(self, facts: Facts, trusted: Mapping[Issuer, IssuerKeys], *, current: bool) -> None:  # noqa: ARG002 - nobody else writes here
        """Write it at once."""
        self._wanted = (facts, trusted)
        self._write()

    def _write(self) -> None:
        if self._wanted is None:
            return
        error = write_known(self._envoys, *self._wanted)
        if error is not None and self.kept.error is None:
            _log.error("%s cannot be written: %s", error.filename or self._envoys, error.strerror)
        if error is None and self.kept.error is not None:
            _log.warning("%s can be written again", self._envoys)
        self.kept = Kept(None if error is None else str(error.strerror))
