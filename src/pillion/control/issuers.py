"""Fetches the keys of the other issuers that are trusted, again and again; no Envoy ever does.

An issuer that cannot be reached, or says something else than keys, changes nothing: its last good set stays, also
over a new start, since it lies in a file. That it is old is told.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pillion.control.issuer_keys import IssuerKeys, KeysError
from pillion.plan.model import Issuer

# After a failure: the first wait, in seconds, doubled each time, up to the longest; half of it by chance, so that
# not everybody asks at the same moment.
RETRY_SECONDS: Final = 1.0
LONGEST_RETRY_SECONDS: Final = 60.0

_log = logging.getLogger("pillion.control")


@dataclass
class Trusted:
    """What is known of one issuer; `error` says why it could not be asked last, None when it could."""

    issuer: Issuer
    keys: IssuerKeys
    error: str | None = None
    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Issuers:
    """All issuers that are trusted.

    `last` gives the last good set of one, `changed` is called when a set is another, or has been fetched again.
    """

    def __init__(self, last: Callable[[Issuer], IssuerKeys], changed: Callable[[], None]) -> None:
        self._last = last
        self._changed = changed
        self._trusted: dict[str, Trusted] = {}

    def trust(self, issuers: Iterable[Issuer]) -> None:
        """Follow these and no others; one that is as before is left alone."""
        wanted = {issuer.name: issuer for issuer in issuers}
        for name, one in list(self._trusted.items()):
            if wanted.get(name) != one.issuer:
                self._forget(self._trusted.pop(name))
        for name, issuer in wanted.items():
            if name not in self._trusted:
                one = Trusted(issuer, self._last(issuer))
                one.task = asyncio.create_task(self._follow(one), name=f"keys of {name}")
                self._trusted[name] = one

    def recall(self) -> None:
        """Ask for the last good set again, of those of which no key is known: there may be one now."""
        for one in self._trusted.values():
            if not one.keys.keys:
                one.keys = self._last(one.issuer)
        self._changed()

    def all(self) -> tuple[Trusted, ...]:
        """Give what is known of each, by name."""
        return tuple(self._trusted[name] for name in sorted(self._trusted))

    async def stop(self) -> None:
        """Follow none any more."""
        tasks = [one.task for one in self._trusted.values() if one.task is not None]
        self.trust(())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, one: Trusted) -> None:
        from pillion.control.fetch import fetch  # noqa: PLC0415 - most meshes trust no other issuer

        retry = RETRY_SECONDS
        while True:
            try:
                keys, fresh = await fetch(one.issuer.keys)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason to ask no more
                self._failed(one, str(error) if isinstance(error, KeysError) else repr(error))
                await asyncio.sleep(retry * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                retry = min(2 * retry, LONGEST_RETRY_SECONDS)
            else:
                self._succeeded(one, keys)
                retry = RETRY_SECONDS
                await asyncio.sleep(fresh)

    def _succeeded(self, one: Trusted, keys: tuple[Mapping[str, Any], ...]) -> None:
        if keys != one.keys.keys:
            _log.info("keys of %s: %s", one.issuer.name, " ".join(str(key.get("kid")) for key in keys))
        elif one.error is not None:
            _log.warning("the keys of %s can be fetched again", one.issuer.name)
        one.keys, one.error = IssuerKeys(keys, time.time()), None
        self._changed()

    def _failed(self, one: Trusted, reason: str) -> None:
        if reason == one.error:
            return
        one.error = reason
        kept = _age(one.keys.fetched_at)
        _log.error(
            "%s: the keys of %s cannot be fetched (%s): %s", one.issuer.keys, one.issuer.name, reason, kept
        )
        self._changed()

    @staticmethod
    def _forget(one: Trusted) -> None:
        if one.task is not None:
            one.task.cancel()


def _age(fetched_at: float | None) -> str:
    if fetched_at is None:
        return "none is known yet, and its tokens are refused"
    return f"those of {max(0, int(time.time() - fetched_at))} s ago stay in use"
