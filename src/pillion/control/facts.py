"""What control tells: the public keys, and the sessions whose tokens are refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Facts:
    """What the database says at one moment.

    `keys` are public keys (RFC 7517, section 4) in the order of their making. `revoked` are the ids of revoked
    sessions that may still have a living token, each with the second (since the epoch) when the last one dies.
    `revocation` is the number of the latest revocation: it only grows.
    """

    keys: tuple[Mapping[str, Any], ...]
    revoked: Mapping[str, int]
    revocation: int

    def at(self, now: float) -> "Facts":
        """Leave out the revocations whose last token is dead at `now`."""
        living = {sid: until for sid, until in self.revoked.items() if until > now}
        return self if len(living) == len(self.revoked) else Facts(self.keys, living, self.revocation)

    @property
    def jwks(self) -> dict[str, Any]:
        """The key set (RFC 7517, section 5)."""
        return {"keys": list(self.keys)}
