"""What has to happen as time goes by, to the keys above all: a thread of the server sees to it, once a second.

Any number may run at once, on one database: each step is a transaction, which finds what it is for or nothing.
"""

import logging
import threading
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.utils import timezone

from pillion.identity import acknowledged, limits, rotation, sessions, sql, unconfirmed
from pillion.identity.models import SigningKey

State = SigningKey.State

TICK_SECONDS: Final = 1.0
# So long before its time the next key is announced: others than the Envoys may keep our key set for a minute.
AHEAD: Final = timedelta(minutes=10)
# An Envoy that does not acknowledge (it refuses the key, hangs, or is away) is not waited for longer.
PATIENCE: Final = timedelta(minutes=1)
# While no key signs nobody can sign in, so that it is not waited for long.
URGENT: Final = timedelta(seconds=5)

# Accounts that were never confirmed are looked for in all of them.
_TIDY: Final = timedelta(hours=1)
# And tries that count no more, in all tries: at most a minute's.
_FORGET_TRIES: Final = timedelta(minutes=1)

# The server may start before its database is prepared: a few failures are nothing to tell.
COMPLAINT: Final = 10

_log = logging.getLogger("pillion.identity")


def start() -> None:
    """Begin; the thread ends with the process."""
    threading.Thread(target=_run, name="caretaker", daemon=True).start()


def tend(now: datetime, started: datetime) -> None:
    """Do what is due at `now`; raises DatabaseError, MasterKeyError and others.

    `started` is when this process began: of two with different settings, the one that began later decides.
    """
    acknowledged.forget()
    for kid in rotation.bury(now):
        _log.info("the last token of key %s is dead: it is gone", kid)
    sessions.forget_revocations(now)
    keys = {key.state: key for key in _keys()}
    announced, signing = keys.get(State.ANNOUNCED), keys.get(State.SIGNING)
    if announced is not None and _is_of_before(announced, started) and rotation.withdraw(announced.kid):
        announced = None
    if signing is None:
        if not SigningKey.objects.exists():  # `prepare` is at work, and makes the first one
            return
        if announced is None:
            _log.warning("no key signs, and none is to: %s is announced", rotation.announce())
        elif _is_known(announced, now, announced.created_at + URGENT, urgent=True):
            _promote(announced)
        return
    due = started if _is_of_before(signing, started) else _due(signing)
    if announced is None:
        if now >= due - AHEAD:
            _log.info("key %s is announced: it signs next", rotation.announce())
    elif now >= due and _is_known(announced, now, max(due, announced.created_at) + PATIENCE, urgent=False):
        _promote(announced)


class _Key(NamedTuple):
    """What is asked each second of a key that signs or is to, in the order of _KEYS."""

    kid: str
    state: str
    algorithm: str
    created_at: datetime
    signing_since: datetime | None


_KEYS: Final = (
    f"SELECT {', '.join(_Key._fields)} FROM {sql.table(SigningKey)} "  # noqa: S608 - constants
    f"WHERE state IN ('{State.ANNOUNCED}', '{State.SIGNING}')"
)


def _keys() -> list[_Key]:
    return [
        _Key(kid, state, algorithm, *(sql.returned(SigningKey, "created_at", time) for time in times))
        for kid, state, algorithm, *times in sql.rows(_KEYS)
    ]


def tidy(now: datetime) -> None:
    """Do what is for now and then; raises DatabaseError."""
    if forgotten := unconfirmed.forget(now):
        _log.info("forgot %d accounts whose address was never confirmed", forgotten)


def _is_of_before(key: _Key, started: datetime) -> bool:
    """Say whether a key was made under other settings than this process has, before it began."""
    return key.algorithm != settings.PILLION.algorithm and key.created_at < started


def _due(signing: _Key) -> datetime:
    since = signing.signing_since or signing.created_at
    return since + timedelta(seconds=settings.PILLION.rotation)


def _is_known(announced: _Key, now: datetime, deadline: datetime, *, urgent: bool) -> bool:
    """Say whether a key may sign: the Envoys check with it, or those that do not have been waited for.

    While control is silent no Envoy can be told, and while none has the key nobody believes what it signs: the key
    before it goes on signing, unless it is `urgent`, since there is none.
    """
    spread = acknowledged.look(acknowledged.key(announced.kid))
    if spread.everywhere or spread.nobody:
        return True
    if now < deadline or (not urgent and (spread.silent or spread.nowhere)):
        return False
    names = ", ".join(f"{laggard.name} {laggard.why}" for laggard in spread.missing)
    _log.warning(
        "key %s signs although not every Envoy has it: %s", announced.kid, names or "control is silent"
    )
    return True


def _promote(announced: _Key) -> None:
    if rotation.promote(announced.kid):
        _log.info("key %s signs from now on", announced.kid)


def _run() -> None:
    failed = 0
    started = tidied = forgot = timezone.now()
    never = threading.Event()
    while not never.wait(TICK_SECONDS):
        try:
            now = timezone.now()
            tend(now, started)
            if now - forgot >= _FORGET_TRIES:
                forgot = now
                limits.forget()
            if now - tidied >= _TIDY:
                tidied = now
                tidy(now)
            failed = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the next tick may find it mended
            failed += 1
            if failed == COMPLAINT:
                _log.exception("the keys cannot be looked after: %s", error)
        sql.release()  # of a pool: it is given back
