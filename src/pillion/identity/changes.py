"""The record of changes: who did what to accounts, sessions, clients and keys. Append-only.

Whoever changes something calls `record` in the same transaction, so that there is no change without a line, and
no line without a change. Who does it is said around the whole, by `by`.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from socket import gethostname
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from pillion.identity import workloads
from pillion.identity.models.change import LONGEST_ADDRESS, LONGEST_NAME, Change

# Of a text among the details; the longest that is meant to be there is a URI of a client's.
LONGEST_TEXT: Final = 2000


@dataclass(frozen=True)
class Actor:
    """Who changes something: a person by address and `sub`, from where; or what has only a name."""

    name: str
    sub: UUID | None = None
    address: str = ""


# What is done by the clock: keys that are rotated.
IDENTITY: Final = Actor("identity")

_actor: ContextVar[Actor] = ContextVar("actor", default=IDENTITY)


@contextmanager
def by(actor: Actor) -> Iterator[None]:
    """Say who makes the changes until the block ends."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


def command_line() -> Actor:
    """Give the actor that types a command: the user of the operating system, and who they were before `sudo`.

    In a pod, by `kubectl exec`, that is nobody's name: the pod's stands beside it.
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name  # the system's word: LOGNAME may say anything
    except KeyError:  # a container's user that has no name
        name = str(os.getuid())
    before = os.environ.get("SUDO_USER")
    who = f"{before} as {name}" if before and before != name else name
    # Who is let into a pod is known to the cluster alone, and stands in its own audit log.
    return Actor(f"command line: {who}{f' in pod {gethostname()}' if workloads.are_certified() else ''}")


def record(what: str, whom: str, **details: Any) -> None:
    """Write a line: `what` such as `user.disabled`, of `whom`; raises RuntimeError outside of a transaction.

    Whatever the texts are, the line is written: what cannot be seen in them is replaced, what is too long is cut.
    """
    # A line that outlives its change, or the other way round, is worth nothing.
    if not connection.in_atomic_block:
        raise RuntimeError("a change is recorded in its own transaction")
    actor = _actor.get()
    Change.objects.create(
        at=timezone.now(),
        actor=_seen(actor.name, LONGEST_NAME),
        actor_sub=actor.sub,
        address=_seen(actor.address, LONGEST_ADDRESS),
        what=what,
        whom=_seen(whom, LONGEST_NAME),
        details=_clean(details),
    )


def _clean(value: Any) -> Any:
    """Clean the texts of a value that JSON has."""
    match value:
        case str():
            return _seen(value, LONGEST_TEXT)
        case list() | tuple():
            return [_clean(one) for one in value]
        case dict():
            return {_seen(name, LONGEST_NAME): _clean(one) for name, one in value.items()}
    return value


def _seen(text: str, most: int) -> str:
    """Replace what PostgreSQL refuses (NUL, halves of characters) or would show a line as another one."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return "".join(one if one.isprintable() else "\ufffd" for one in cut)


def find(
    *,
    since: timedelta | None = None,
    actor: str | None = None,
    whom: str | None = None,
    what: str | None = None,
    latest: int | None = None,
) -> Iterator[Change]:
    """Give lines, the oldest first; `what` may be the beginning of a word, `latest` takes so many from the end."""
    wanted = Change.objects.all()
    if since is not None:
        wanted = wanted.filter(at__gte=timezone.now() - since)
    if actor is not None:
        wanted = wanted.filter(actor=actor)
    if whom is not None:
        wanted = wanted.filter(whom=whom)
    if what is not None:
        wanted = wanted.filter(what__startswith=what)
    if latest is not None:
        first = wanted.values_list("id", flat=True)[latest - 1 : latest].first()
        wanted = wanted if first is None else wanted.filter(id__gte=first)
    return wanted.order_by("id").iterator(chunk_size=1000)


def document(change: Change) -> dict[str, Any]:
    """Give a line as JSON has it; times in ISO 8601, UTC."""
    at: datetime = change.at
    return {
        "id": change.id,
        "at": at.astimezone(UTC).isoformat(),
        "actor": change.actor,
        "actor_sub": None if change.actor_sub is None else str(change.actor_sub),
        "address": change.address,
        "what": change.what,
        "whom": change.whom,
        "details": change.details,
    }
