"""Counts tries within a span of time, in the database, for all processes together.

Each sign-in counts several: in SQL (see `sql`), and all limits of one question at once. No row is ever pushed out
by others, so nobody can have their tries forgotten by making many; they go when they count no more.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Final, NamedTuple

from django.db import connection

from pillion.identity import locks
from pillion.identity.models import Tries
from pillion.identity.sql import column, database, rows, table, update
from pillion.identity.transactions import soon_on_disk

# More than are made in a minute: four by a sign-in at most, some forty of which keep a core busy for a second.
_MOST: Final = 100_000
_AT_ONCE: Final = 500
_OVER: Final = f"SELECT name FROM {table(Tries)} WHERE until < %s LIMIT {_MOST}"  # noqa: S608 - constants


class Limit(NamedTuple):
    """At most `most` tries in `seconds`; `name` is what the table knows it by."""

    name: str
    most: int
    seconds: int


def limit(what: str, whose: str, most: int, seconds: int) -> Limit:
    """Make the limit of at most `most` tries by `whose` in `seconds`; `what` tells apart what is tried."""
    name = hashlib.sha256(f"{what} {most}/{seconds} {whose}".encode()).hexdigest()
    return Limit(name, most, seconds)


class Counted(NamedTuple):
    """A try that was counted at `at`, in seconds since the epoch."""

    limits: tuple[Limit, ...]
    at: float


def count(limits: Sequence[Limit], now: float, *, instead_of: Counted | None = None) -> int | None:
    """Count one try at `now` (seconds since the epoch) against each limit; None if it may be made.

    Otherwise none is counted, and the seconds to wait are given: until the oldest try counts no more. Either way
    what was counted before, `instead_of`, is given back.
    """
    before = instead_of or Counted((), now)
    both = (*before.limits, *limits)
    # In one write, and nobody else counts the same meanwhile.
    with _transaction():
        counted = _counted(both, now)
        _take_out(before, counted)
        waits = [
            math.ceil(counted[limit.name][-1] + limit.seconds - now)
            for limit in limits
            if len(counted[limit.name]) >= limit.most
        ]
        if waits:
            _write(before.limits, counted)
            return max(1, *waits)
        for limit in limits:
            counted[limit.name].insert(0, now)
        _write(both, counted)
    return None


def give_back(counted: Counted, now: float) -> None:
    """Count a try no longer."""
    with _transaction():
        kept = _counted(counted.limits, now)
        _take_out(counted, kept)
        _write(counted.limits, kept)


def forget(now: float) -> None:
    """Remove the rows that count no more; a minute late, since the clocks of two machines differ.

    They are found by a look at all rows, which keeps nobody from counting, and removed by their names, a few at
    once. Those that somebody is counting with are left for the next time, so that nobody waits for another.
    """
    over = now - 60
    names = column(_OVER, over)
    free = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        # What has been counted with since counts again.
        still = f"SELECT name FROM {table(Tries)} WHERE name IN ({_places(len(some))}) AND until < %s{free}"  # noqa: S608 - constants
        with _transaction():
            update(f"DELETE FROM {table(Tries)} WHERE name IN ({still})", *some, over)  # noqa: S608 - as above


def _transaction() -> AbstractContextManager[None]:
    """Give the transaction that is under way, or one that waits for no disk.

    That loses, when the machine itself fails, the tries of a moment: nobody was promised anything by them.
    """
    return nullcontext() if database().in_atomic_block else soon_on_disk()


def _take_out(counted: Counted, times: Mapping[str, list[float]]) -> None:
    for limit in counted.limits:
        if counted.at in times[limit.name]:
            times[limit.name].remove(counted.at)


def _counted(limits: Sequence[Limit], now: float) -> dict[str, list[float]]:
    """Read the tries that count at `now`, by the limit's name; nobody else does until the transaction ends."""
    names = [limit.name for limit in limits]
    locks.hold(*names)
    found = rows(_reading(len(names)), *names)
    # All lists as one: the library takes longer to begin with each than to read it.
    lists: list[list[float]] = json.loads(f"[{','.join([times for _, times in found])}]")
    there = {name: times for (name, _), times in zip(found, lists, strict=True)}
    return {
        limit.name: [time for time in there.get(limit.name, ()) if time > now - limit.seconds]
        for limit in limits
    }


def _write(limits: Sequence[Limit], times: Mapping[str, Sequence[float]]) -> None:
    if not limits:
        return
    written: list[object] = []
    for limit in limits:
        counted = times[limit.name]
        # A list of numbers is written in Python as it is in JSON, and faster.
        written += (limit.name, str(list(counted)), max(counted, default=0.0) + limit.seconds)
    update(_writing(len(limits)), *written)


@cache
def _reading(number: int) -> str:
    return f"SELECT name, times FROM {table(Tries)} WHERE name IN ({_places(number)})"  # noqa: S608 - constants


def _places(number: int) -> str:
    return ", ".join(["%s"] * number)


@cache
def _writing(number: int) -> str:
    places = ", ".join(["(%s, %s, %s)"] * number)
    return (
        f"INSERT INTO {table(Tries)} (name, times, until) VALUES {places} "  # noqa: S608 - as above
        "ON CONFLICT (name) DO UPDATE SET times = excluded.times, until = excluded.until"
    )
