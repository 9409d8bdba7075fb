"""Hands in what is in the queue: a thread of every server process, on one database."""

import logging
import threading
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from pillion.identity.mail import letter, mailbox, queue
from pillion.identity.mail.queue import Order
from pillion.identity.mail.smtp import Connection, NotSentError, RefusedError

# Another process may have put something into the queue, or a pause may be over.
TICK_SECONDS: Final = 1.0
# While no mail leaves, so long between two tries.
_LONGEST_PAUSE: Final = 60.0

_log = logging.getLogger("pillion.identity")


def start() -> None:
    """Begin, where mail is sent at all; the thread ends with the process."""
    if settings.PILLION.sends_mail:
        threading.Thread(target=_run, name="mail", daemon=True).start()


def send_due(now: datetime) -> int:
    """Send what is due at `now`; gives how many were sent. Raises NotSentError when no mail leaves just now."""
    if lost := queue.give_up(now):
        _log.warning("mail: %d could not be handed in for two days, and were given up", lost)
    server, sent = settings.PILLION.mail_server, 0
    if server is None:
        while (order := queue.take(now)) is not None:
            _drop(order)
            sent += 1
        return sent
    with Connection(server) as connection:
        while (order := queue.take(now)) is not None:
            sent += _send(connection, order)
    return sent


def _drop(order: Order) -> None:
    folder = settings.PILLION.mailbox
    if folder is not None:
        mailbox.drop(folder, order, letter.write(order))
    queue.done(order.id)


def _send(connection: Connection, order: Order) -> bool:
    message = letter.write(order)
    close_old_connections()  # of a pool: a mail server may take its time
    try:
        connection.send(message)
    except RefusedError as error:
        _log.warning("mail %s: %s; it is given up", order.id, error)
        queue.done(order.id)
        return False
    except NotSentError:
        queue.again(order, timezone.now())
        raise
    queue.done(order.id)
    return True


def _run() -> None:
    failed = 0
    while True:
        queue.arrived.wait(min(_LONGEST_PAUSE, TICK_SECONDS * 2 ** min(failed, 6)))
        queue.arrived.clear()
        try:
            if send_due(timezone.now()) and failed:
                _log.info("mail leaves again")
                failed = 0
        except (NotSentError, OSError) as error:
            failed += 1
            if failed == 1:
                _log.error("mail cannot be handed in: %s; it waits, and is tried again", error)
        except DatabaseError as error:
            failed += 1
            _log.warning("mail: database: %s", error)
        except Exception:  # noqa: BLE001 - a template that fails, say: others' mail is to go on
            failed += 1
            _log.exception("a mail cannot be written")
        close_old_connections()  # of a pool: it is given back
