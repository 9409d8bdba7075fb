"""What has to happen to the keys as time goes by: a thread of the server sees to it, once a second.

Any number may run at once, on one database: each step is a transaction, which finds what it is for or nothing.
"""

import logging
import threading
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from pillion.identity import acknowledged, rotation, sessions
from pillion.identity.master_key import MasterKeyError
from pillion.identity.models import SigningKey

State = SigningKey.State

TICK_SECONDS: Final = 1.0
# So long before its time the next key is announced: others than the Envoys may keep our key set for a minute.
AHEAD: Final = timedelta(minutes=10)
# An Envoy that is connected and does not acknowledge (it refuses the key, or hangs) is not waited for longer.
PATIENCE: Final = timedelta(minutes=1)
# While no key signs nobody can sign in, so that it is not waited for long.
URGENT: Final = timedelta(seconds=5)

# The server may start before its database is prepared: a few failures are nothing to tell.
COMPLAINT: Final = 10

_log = logging.getLogger("pillion.identity")


def start() -> None:
    """Begin; the thread ends with the process."""
    threading.Thread(target=_run, name="caretaker", daemon=True).start()


def tend(now: datetime) -> None:
    """Do what is due at `now`; raises DatabaseError or MasterKeyError."""
    for kid in rotation.bury(now):
        _log.info("the last token of key %s is dead: it is gone", kid)
    sessions.forget_revocations(now)
    announced = SigningKey.objects.filter(state=State.ANNOUNCED).first()
    signing = SigningKey.objects.filter(state=State.SIGNING).first()
    if signing is None:
        if announced is not None and _is_known(announced, now, announced.created_at + URGENT):
            _promote(announced)
        return
    changes = signing.algorithm != settings.PILLION.algorithm
    due = now if changes else _due(signing)
    if announced is not None and announced.algorithm != settings.PILLION.algorithm:
        rotation.revoke(announced.kid)
        announced = None
    if announced is None:
        if now >= due - AHEAD:
            _log.info("key %s is announced: it signs next", rotation.announce())
    elif now >= due and _is_known(announced, now, max(due, announced.created_at) + PATIENCE):
        _promote(announced)


def _due(signing: SigningKey) -> datetime:
    since = signing.signing_since or signing.created_at
    return since + timedelta(seconds=settings.PILLION.rotation)


def _is_known(announced: SigningKey, now: datetime, deadline: datetime) -> bool:
    """Say whether a key may sign: the Envoys check with it, or those that do not have been waited for.

    While control is silent no Envoy can be told, so that the key before it goes on signing.
    """
    spread = acknowledged.look(acknowledged.key(announced.kid))
    if spread.settled:
        return True
    if now < deadline or (spread.silent and SigningKey.objects.filter(state=State.SIGNING).exists()):
        return False
    names = ", ".join(f"{laggard.name} {laggard.why}" for laggard in spread.missing)
    _log.warning(
        "key %s signs although not every Envoy has it: %s", announced.kid, names or "control is silent"
    )
    return True


def _promote(announced: SigningKey) -> None:
    if rotation.promote(announced.kid):
        _log.info("key %s signs from now on", announced.kid)


def _run() -> None:
    failed = 0
    never = threading.Event()
    while not never.wait(TICK_SECONDS):
        try:
            tend(timezone.now())
            failed = 0
        except (DatabaseError, MasterKeyError) as error:
            failed += 1
            if failed == COMPLAINT:
                _log.error("the keys cannot be looked after: %s", error)
            close_old_connections()
