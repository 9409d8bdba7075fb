"""The queue: what is to be mailed outlives this process, and no request waits for a mail server.

A request puts down what a mail is about and to whom; what it says is written when it is sent. So a request does
the same work whether there is an account or not, links begin to expire when they leave, and none lies here.
"""

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from pillion.identity import master_key
from pillion.identity.models import QueuedMail

# After so long nobody waits for it any more.
GIVEN_UP: Final = timedelta(days=2)
# Who has taken a mail hands it in within this time, or was killed. A server that takes longer gets it twice, under
# one Message-ID.
LEASE: Final = timedelta(minutes=1)
_FIRST_PAUSE: Final = timedelta(seconds=2)
_LONGEST_PAUSE: Final = timedelta(minutes=15)
_NONCE: Final = 12  # bytes: see key_rows

# Set when something was put into the queue by this process.
arrived: Final = threading.Event()


@dataclass(frozen=True)
class Order:
    """A mail to be written and sent: what `about`, to whom, and what the text needs to know besides."""

    id: UUID
    about: str
    to: str
    details: Mapping[str, Any]
    since: datetime
    tries: int


def put(about: str, to: str, **details: Any) -> None:
    """Have a mail sent when the present transaction is committed; nothing where no mail is sent at all."""
    if not settings.PILLION.sends_mail:
        return
    now, number = timezone.now(), uuid4()
    content = json.dumps({"about": about, "to": to, "details": details})
    QueuedMail.objects.create(
        id=number,
        sealed=_seal(content, number),
        created_at=now,
        due_at=now,
        expires_at=now + GIVEN_UP,
    )
    transaction.on_commit(arrived.set)


def take(now: datetime) -> Order | None:
    """Take the mail that has waited longest; nobody else takes it before the lease is over."""
    while True:
        row = QueuedMail.objects.filter(due_at__lte=now, expires_at__gt=now).order_by("due_at").first()
        if row is None:
            return None
        mine = QueuedMail.objects.filter(id=row.id, due_at=row.due_at)
        if mine.update(due_at=now + LEASE, tries=row.tries + 1):
            content = _open(row)
            if content is None:  # another master key: nobody will ever read it
                done(row.id)
                continue
            return Order(id=row.id, since=row.created_at, tries=row.tries + 1, **content)


def done(number: UUID) -> None:
    """Forget a mail: it was handed in, or nobody will ever take it."""
    QueuedMail.objects.filter(id=number).delete()


def again(order: Order, now: datetime) -> None:
    """Leave a mail for later: twice as long at every failure, a quarter of an hour at most."""
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(order.tries - 1, 20))
    QueuedMail.objects.filter(id=order.id).update(due_at=now + pause)


def give_up(now: datetime) -> int:
    """Forget the mails that nobody waits for any more; gives how many."""
    late = QueuedMail.objects.filter(expires_at__lte=now)
    return late.delete()[0] if late.exists() else 0


def _cipher() -> AESGCM:
    key = settings.MASTER_KEY
    if key is None:
        raise master_key.MasterKeyError("there is no master key: identity has no configuration")
    return AESGCM(key.derive(master_key.QUEUED_MAIL))


def _seal(content: str, number: UUID) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher().encrypt(nonce, content.encode(), number.bytes)


def _open(row: QueuedMail) -> dict[str, Any] | None:
    sealed = bytes(row.sealed)
    try:
        content: dict[str, Any] = json.loads(
            _cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], row.id.bytes)
        )
    except InvalidTag:
        return None
    return content
