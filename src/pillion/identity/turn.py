"""Lets a few work on passwords at once and some more wait, so that renewals always find a thread and a core."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Final

from django.conf import settings

from pillion.identity.refusal import Refusal
from pillion.identity.sql import release

# Of the server's threads; the others are for renewals, and for pages.
THREADS: Final = 64
MOST_INSIDE: Final = 48

# Who asks a users service waits for it, and needs no core.
MOST_ASKING: Final = 24

_inside = BoundedSemaphore(MOST_INSIDE)
# No more of them than half the connections of a pool (`postgresql.MOST_CONNECTIONS`): each holds one meanwhile.
_MOST_HASHING: Final = 8

_hashing = BoundedSemaphore(min(_MOST_HASHING, max(1, (os.cpu_count() or 1) - 1)))
_asking = BoundedSemaphore(MOST_ASKING)


@contextmanager
def turn() -> Iterator[None]:
    """Wait for a turn, and hold it until the block ends; raises Refusal (503) when too many wait already."""
    if not _inside.acquire(blocking=False):
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "busy",
            "Too many people are signing in just now. Try again in a moment.",
            headers={"Retry-After": "2"},
        )
    try:
        release()  # of a pool: who waits here holds none that a renewal could use
        with _hashing if settings.PILLION.users is None else _asking:
            yield
    finally:
        _inside.release()
