"""A key's life: announced → signing → retired → gone. Each step is one transaction, and may be taken by anybody.

An announced key is shown to all who verify, and signs nothing. Once they have it (`acknowledged`) it is promoted,
and the one before it is retired: it is shown until the last token that it signed is dead. A key that somebody
else may have is gone at once.
"""

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from pillion.identity import acknowledged, changes, key_rows, keys, locks, sql
from pillion.identity.master_key import MasterKeyError
from pillion.identity.models import Session, SigningKey
from pillion.identity.sessions import MARGIN_SECONDS

State = SigningKey.State
_DEAD: Final = (
    f"SELECT 1 FROM {sql.table(SigningKey)} WHERE state = '{State.RETIRED}' AND verifies_until <= %s LIMIT 1"  # noqa: S608 - constants
)


class NoSuchKeyError(Exception):
    """There is no such key, or it is gone already; says which and what there is."""


def ensure_signing_key() -> None:
    """Make the first signing key, unless there is one; of several that try at once, one succeeds.

    Raises MasterKeyError when the key that is there was encrypted under another master key.
    """
    if not SigningKey.objects.filter(state=State.SIGNING).exists():
        announced = SigningKey.objects.filter(state=State.ANNOUNCED).first()
        if announced is None:
            try:
                with transaction.atomic():
                    key_rows.create(settings.PILLION.algorithm, State.SIGNING)
            except IntegrityError:  # another process was quicker: one_signing_key
                pass
        # Whoever announced it was killed before it signed; or, where a control lives, the Envoys are being told.
        elif not acknowledged.look(acknowledged.key(announced.kid)).controls:
            promote(announced.kid)
    keys.signer()


def announce() -> str:
    """Show a new key to all who verify; gives its kid, or that of one that was announced before."""
    with transaction.atomic():
        locks.hold(locks.KEYS)
        announced = SigningKey.objects.filter(state=State.ANNOUNCED).values_list("kid", flat=True).first()
        if announced is not None:
            return str(announced)
        kid = str(key_rows.create(settings.PILLION.algorithm, State.ANNOUNCED).kid)
        changes.record("key.announced", kid, algorithm=settings.PILLION.algorithm)
        return kid


def promote(kid: str) -> bool:
    """Let an announced key sign from now on, and retire the one before it; False if it is not announced."""
    with transaction.atomic():
        locks.hold(locks.KEYS)
        announced = SigningKey.objects.filter(kid=kid, state=State.ANNOUNCED)
        if not announced.exists():
            return False
        locks.hold_still(Session._meta.db_table)  # noqa: SLF001 - Django's documented Model._meta
        SigningKey.objects.filter(state=State.SIGNING).update(
            state=State.RETIRED, verifies_until=_last_token()
        )
        announced.update(state=State.SIGNING, signing_since=timezone.now())
        changes.record("key.signs", kid)
    return True


def withdraw(kid: str) -> bool:
    """Take an announced key back before it has signed anything; False if it is not announced (any more)."""
    with transaction.atomic():
        locks.hold(locks.KEYS)
        announced = SigningKey.objects.filter(kid=kid, state=State.ANNOUNCED)
        withdrawn = announced.update(state=State.GONE, private_key=b"", gone_at=timezone.now())
        if withdrawn:
            changes.record("key.withdrawn", kid)
        return bool(withdrawn)


def bury(now: datetime) -> list[str]:
    """Take the retired keys out of use whose last token is dead; gives their kids."""
    second = int(now.timestamp())
    if not sql.scalar(_DEAD, second):  # a look costs nothing, each second
        return []
    dead = SigningKey.objects.filter(state=State.RETIRED, verifies_until__lte=second)
    with transaction.atomic():
        locks.hold(locks.KEYS)
        kids = list(dead.values_list("kid", flat=True))
        _gone(*kids)
        for kid in kids:
            changes.record("key.gone", kid)
    return kids


def revoke(kid: str) -> str | None:
    """Take a key out of use at once, whatever it signed; gives the kid of the one that must sign in its place.

    None if another signs. The successor is announced: `promote` it when the Envoys have it.
    Raises NoSuchKeyError.
    """
    with transaction.atomic():
        locks.hold(locks.KEYS)
        row = SigningKey.objects.filter(kid=kid).exclude(state=State.GONE).first()
        if row is None:
            there = ", ".join(SigningKey.objects.exclude(state=State.GONE).values_list("kid", flat=True))
            raise NoSuchKeyError(f"no key in use is named '{kid}': there are {there}")
        _gone(kid)
        changes.record("key.revoked", kid)
        return None if SigningKey.objects.filter(state=State.SIGNING).exists() else announce()


def undecipherable() -> str | None:
    """Name the key that signs, or without one the announced one, if the master key does not open it."""
    row = SigningKey.objects.filter(state__in=(State.SIGNING, State.ANNOUNCED)).order_by("-state").first()
    if row is not None:
        try:
            key_rows.private_key(row)
        except MasterKeyError:
            return str(row.kid)
    return None


def replace() -> tuple[list[str], str] | None:
    """Take all keys out of use, and let a new one sign: for when the master key of those before is lost.

    Gives the kids of those and of the new one; None where the master key that is given opens what there is.
    """
    with transaction.atomic():
        locks.hold(locks.KEYS)
        if undecipherable() is None:
            return None
        kids = list(SigningKey.objects.exclude(state=State.GONE).values_list("kid", flat=True))
        _gone(*kids)
        new = str(key_rows.create(settings.PILLION.algorithm, State.SIGNING).kid)
        for kid in kids:
            changes.record("key.replaced", kid, by=new)
        changes.record("key.signs", new)
    return kids, new


def _gone(*kids: str) -> None:
    # The private half is forgotten: nobody is to sign with it again, by whatever mistake.
    SigningKey.objects.filter(kid__in=kids).update(state=State.GONE, private_key=b"", gone_at=timezone.now())


def _last_token() -> int:
    """Say when, in seconds since the epoch, the last token is dead that was signed up to now."""
    latest = Session.objects.aggregate(latest=Max("tokens_until"))["latest"] or 0
    # A renewal under way may have read which key signs, and not yet noted its session's `tokens_until`.
    under_way = int(timezone.now().timestamp()) + settings.PILLION.token_lifetime
    return max(latest, under_way) + MARGIN_SECONDS
