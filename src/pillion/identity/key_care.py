"""Keys from the command line: listed, rotated, revoked, replaced, and the Envoys waited for.

Call `pillion.identity.setup(config)` first, as for `accounts`.
"""

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pillion.identity import acknowledged, keys, rotation
from pillion.identity.acknowledged import Spread
from pillion.identity.models import SigningKey

# How long Envoys that are connected may take to acknowledge, in seconds.
ROTATION_PATIENCE: Final = 30.0
REVOCATION_PATIENCE: Final = 5.0


class RotationError(Exception):
    """The keys cannot be rotated now; says why, and what holds."""


@dataclass(frozen=True)
class Key:
    """A signing key, as an operator sees it."""

    kid: str
    algorithm: str
    state: str
    created: datetime
    signing_since: datetime | None
    verifies_until: datetime | None
    gone_since: datetime | None

    def document(self) -> dict[str, Any]:
        """Give the key as JSON has it; times in ISO 8601, UTC."""
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Replaced:
    """Keys that nobody can use any more, and the `new` one that signs in their place."""

    old: tuple[str, ...]
    new: str
    spread: Spread


@dataclass(frozen=True)
class Change:
    """A key in another's place. `new` signs now; `old` did before. `spread` is who has acknowledged."""

    old: str
    new: str | None
    spread: Spread


def list_keys() -> list[Key]:
    """Give all keys that there ever were, the oldest first."""
    return [_key(row) for row in SigningKey.objects.order_by("created_at", "kid")]


def rotate(patience: float = ROTATION_PATIENCE, *, all_of_them: bool = False) -> Change:
    """Announce a key, wait until the Envoys have acknowledged it, and let it sign; raises RotationError.

    An Envoy that is connected and does not acknowledge is waited for `patience` seconds; then `all_of_them`
    gives up.
    """
    old, new = keys.signing_kid(), rotation.announce()
    spread = acknowledged.wait(acknowledged.key(new), patience)
    if spread.nowhere and not spread.silent:
        raise RotationError(
            f"no Envoy has acknowledged the new key: {old} goes on signing, and {new} stays announced. "
            "'pillion status' says which Envoys are connected, and what they refuse"
        )
    if spread.silent:
        raise RotationError(
            f"control is not heard of, so no Envoy can be told of a key: {old} goes on signing, and {new} stays "
            "announced. Once 'pillion status' shows that the Envoys are connected, rotate again"
        )
    if all_of_them and not spread.settled:
        lagging = ", ".join(laggard.name for laggard in spread.missing)
        raise RotationError(
            f"not every Envoy has acknowledged the new key ({lagging}): {old} goes on signing, and {new} stays "
            "announced. Rotate again, or with 'pillion keys rotate', which waits longer"
        )
    if not rotation.promote(new) and keys.signing_kid() != new:
        raise RotationError(f"somebody revoked the key {new} meanwhile: {keys.signing_kid()} signs")
    return Change(old, new, spread)


def revoke(kid: str) -> Change:
    """Take a key out of use everywhere at once; if it signed, let another. Raises NoSuchKeyError."""
    began = time.monotonic()
    successor = rotation.revoke(kid)
    if successor is None:
        return Change(kid, None, acknowledged.wait(acknowledged.without_key(kid), REVOCATION_PATIENCE))
    # An Envoy that has the successor has it from a set in which the revoked key is no more.
    acknowledged.wait(acknowledged.key(successor), REVOCATION_PATIENCE)
    rotation.promote(successor)
    return Change(kid, successor, acknowledged.look(acknowledged.without_key(kid), time.monotonic() - began))


def replace() -> Replaced | None:
    """Let a new key sign in place of all, if the master key does not open the one that signs; or give None."""
    replaced = rotation.replace()
    if replaced is None:
        return None
    old, new = replaced
    return Replaced(tuple(old), new, acknowledged.wait(acknowledged.key(new), REVOCATION_PATIENCE))


def _key(row: SigningKey) -> Key:
    until = row.verifies_until
    return Key(
        kid=row.kid,
        algorithm=row.algorithm,
        state=row.state,
        created=row.created_at,
        signing_since=row.signing_since,
        verifies_until=None if until is None else datetime.fromtimestamp(until, UTC),
        gone_since=row.gone_at,
    )
