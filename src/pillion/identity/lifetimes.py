"""How long a session lives."""

from datetime import timedelta
from typing import Final

# Absolute: nothing prolongs it. OWASP's session management asks for such an end, whatever the use.
SESSION_LIFETIME: Final = timedelta(days=14)

# A session that nobody has used for so long is dead. Every renewal uses it.
IDLE_LIFETIME: Final = timedelta(hours=24)

# `last_used_at` may lag behind by this much: one write a minute, however many renewals.
USE_RESOLUTION: Final = timedelta(minutes=1)
