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

    def after(self, before: "Facts", now: float) -> "Facts":
        """Add what was revoked `before` and may have a living token at `now`.

        What was told once is never taken back, though the database may be one from a backup.
        """
        told = {sid: until for sid, until in before.revoked.items() if until > now}
        if told.keys() <= self.revoked.keys():
            return self
        return Facts(self.keys, told | dict(self.revoked), self.revocation)

    @property
    def jwks(self) -> dict[str, Any]:
        """The key set (RFC 7517, section 5)."""
        return {"keys": list(self.keys)}
