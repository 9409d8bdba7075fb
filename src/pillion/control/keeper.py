"""Where control keeps what an Envoy starts with that cannot reach it: the keys and revocations told last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pillion.control.facts import Facts
from pillion.control.issuer_keys import IssuerKeys
from pillion.plan.model import Issuer


@dataclass(frozen=True)
class Kept:
    """How it went: why it could not be written last, if so, and how many revocations found no room."""

    error: str | None = None
    left_out: int = 0


class Keeper(Protocol):
    """A folder of this machine, or a ConfigMap. Nothing here raises: what cannot be kept is tried again."""

    kept: Kept

    async def begin(self) -> None:
        """Read what is there, since `last` will be asked; gives up after a while."""

    async def run(self) -> None:
        """See to it that what is to be kept is, for ever."""

    def last(self, issuer: Issuer) -> IssuerKeys:
        """Give the last good set of this issuer; empty if none is known."""

    def keep(self, facts: Facts, trusted: Mapping[Issuer, IssuerKeys], *, current: bool) -> None:
        """Keep this from now on. Unless `current`, the facts may be old: the database is away."""
