"""What the ways of following a database have in common: the questions asked of it, and who hears the answers.

The tables are identity's (`pillion.identity.models`); of them control knows the public columns alone.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pillion.control.facts import Facts

KEYS: Final = (
    "SELECT public_jwk FROM identity_signingkey WHERE state IN ('announced', 'signing', 'retired') "
    "ORDER BY created_at, kid"
)
# All of them: whether a token is dead is for identity's clock to say, which takes the row away then.
REVOKED: Final = "SELECT sid, until FROM identity_revocation ORDER BY id"
LATEST: Final = "SELECT coalesce(max(id), 0) FROM identity_revocation"

# A database that has never answered may be about to be made: so long nothing is said of it, in seconds.
SILENCE_SECONDS: Final = 5.0

Rows = Iterable[tuple[Any, ...]]

_log = logging.getLogger("pillion.control")


def facts(keys: Rows, revoked: Rows, latest: Rows) -> Facts:
    """Make facts of the answers to KEYS, REVOKED and LATEST; raises ValueError for a key that is none."""
    ((number,),) = latest
    return Facts(
        keys=tuple(_key(jwk) for (jwk,) in keys), revoked=dict(_sessions(revoked)), revocation=int(number)
    )


def _key(written: Any) -> dict[str, Any]:
    jwk = json.loads(written) if isinstance(written, str) else written
    if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
        raise ValueError("a signing key there is no JWK with a kid")  # noqa: TRY004 - of what was written
    return jwk


def _sessions(rows: Rows) -> Iterator[tuple[str, int]]:
    for sid, until in rows:
        try:
            yield str(uuid.UUID(str(sid))), int(until)
        except ValueError:  # by somebody's hand: no reason to overlook the others
            _log.error("a revocation is left out, since it names no session: %.80r", sid)


class News:
    """Hands facts on when they are others than before, and says once that the database is away, and back.

    That it is away is handed on as None, and when it is back the facts, whatever they are.
    """

    def __init__(self, changed: Callable[[Facts | None], None]) -> None:
        self._changed = changed
        self._last: Facts | None = None
        self._away = False
        self._began = time.monotonic()

    def are(self, told: Facts) -> None:
        """Take the facts as they are now."""
        back, self._away = self._away, False
        if back:
            _log.warning("the database is back")
        if back or told != self._last:
            self._last = told
            self._changed(told)

    def fail_for(self, error: Exception) -> None:
        """Take note that they cannot be read."""
        new = self._last is None
        if self._away or (new and time.monotonic() < self._began + SILENCE_SECONDS):
            return
        self._away = True
        words = str(error).strip() or type(error).__name__
        if new:
            _log.error("the database cannot be used (%s): nothing can be told yet", words)
        else:
            _log.error("the database is away (%s): the Envoys keep what they have", words)
            self._changed(None)
