"""What the ways of following a database have in common: the questions asked of it, and who hears the answers.

The tables are identity's (`pillion.identity.models`); of them control knows the public columns alone.
"""

import logging
from collections.abc import Callable
from typing import Final

from pillion.control.facts import Facts

KEYS: Final = (
    "SELECT public_jwk FROM identity_signingkey WHERE state IN ('announced', 'signing', 'retired') "
    "ORDER BY created_at, kid"
)
LATEST: Final = "SELECT coalesce(max(id), 0) FROM identity_revocation"

_log = logging.getLogger("pillion.control")


class News:
    """Hands facts on when they are others than before, and says once that the database is away, and back."""

    def __init__(self, changed: Callable[[Facts], None]) -> None:
        self._changed = changed
        self._last: Facts | None = None
        self._away = False

    def are(self, facts: Facts) -> None:
        """Take the facts as they are now."""
        if self._away:
            _log.warning("the database is back")
            self._away = False
        if facts != self._last:
            self._last = facts
            self._changed(facts)

    def fail_for(self, error: Exception) -> None:
        """Take note that they cannot be read; one that is not yet made is waited for without a word."""
        if self._last is not None and not self._away:
            _log.error("the database is away (%s): the Envoys keep what they have", str(error).strip())
            self._away = True
