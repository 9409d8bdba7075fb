"""How long a session lives."""

from datetime import timedelta
from typing import Final

# Absolute: nothing prolongs it. OWASP's session management asks for such an end, whatever the use.
SESSION_LIFETIME: Final = timedelta(days=14)

# The session of a visitor, who has not signed in: it lasts from one step of a sign-in to the next.
VISIT_LIFETIME: Final = timedelta(minutes=15)

# A session that nobody has used for so long is dead. Every renewal uses it.
IDLE_LIFETIME: Final = timedelta(hours=24)

# `last_used_at` may lag behind by this much: one write a minute, however many renewals.
USE_RESOLUTION: Final = timedelta(minutes=1)
