"""How often somebody may try: counted by allauth's limiter in the database cache, for all processes together.

Three limits guard passwords:
- per address: a guesser who goes through many accounts;
- per account and address: a guesser who has chosen one;
- per account alone, but only for addresses from which its owner has not signed in of late: a guesser with many
  addresses (NIST SP 800-63B-4, section 3.2.2, wants at most 100 failures in a row).
So nobody can lock an owner out where they usually sign in; somebody with many addresses can where they never did.
Only failures count: what a success used is given back. A network counts as one address (IPv6: a /64).

Successes are limited per account, so generously that only a program notices: each leaves a session, and every
Envoy is told when that is revoked.

A second factor is guarded per address, and per account wherever from: who gets so far knows the password, and of a
code's six digits a guesser with many addresses must not try many.

allauth cannot say when to try again, so that is worked out here from what it wrote to the cache.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import locks
from pillion.identity.models import Session, User
from pillion.identity.refusal import try_later

_APP: Final = "pillion"
_RATES: Final = {
    "password-per-address": "30/5m/ip",
    "password-per-account-and-address": "5/5m/key",
    "password-per-account-elsewhere": "100/24h/key",
    "sign-up-per-address": "20/h/ip",
    "session-per-account": "120/h/key",
    "mail-per-address": "20/h/ip",
    "mail-to-one": "4/15m/key",
    "second-factor-per-address": "30/5m/ip",
    "second-factor-per-account": "5/5m/key",
    "second-factor-per-account-a-day": "50/24h/key",
    "passkey-per-address": "60/5m/ip",
    "client-per-address": "30/5m/ip",
    "device-per-address": "100/h/ip",
    "user-code-per-address": "30/5m/ip",
    "user-code-per-account": "10/5m/key",
}
_KNOWN_FOR: Final = timedelta(days=30)


@dataclass(frozen=True)
class Try:
    """What one try used of its limits."""

    usage: tuple[Any, ...]

    def give_back(self) -> None:
        """Count this try no longer: it succeeded."""
        with transaction.atomic():
            locks.hold(*(one.cache_key for used in self.usage for one in used.usage))
            for used in self.usage:
                used.rollback()


def try_password(request: HttpRequest, email: str) -> Try:
    """Count a try to sign in as `email` (in its normal form); raises Refusal (429) when there were too many.

    Counted before the password is looked at, so that many at once are no way around it.
    """
    address = ratelimit.get_ip(request)  # a network's, see above
    asked = [("password-per-address", ""), ("password-per-account-and-address", f"{email} {address}")]
    if not _is_known(email, address):
        asked.append(("password-per-account-elsewhere", email))
    return _consume(request, asked)


def try_sign_up(request: HttpRequest) -> Try:
    """Count a try to make an account; raises Refusal (429) when there were too many."""
    return _consume(request, [("sign-up-per-address", "")])


def open_session(request: HttpRequest, email: str) -> None:
    """Count a session that is opened for who has proved to be that account; raises Refusal (429)."""
    _consume(request, [("session-per-account", email)])


def try_mail(request: HttpRequest, to: str) -> None:
    """Count a mail that somebody asks to have sent to an address; raises Refusal (429) when there were too many.

    Whether there is an account with it makes no difference, so that the answer tells nothing.
    """
    _consume(request, [("mail-per-address", ""), ("mail-to-one", to)])


def try_second_factor(request: HttpRequest, user: User) -> Try:
    """Count a try to show the second factor of `user`; raises Refusal (429) when there were too many."""
    per_account = ("second-factor-per-account", "second-factor-per-account-a-day")
    return _consume(
        request, [("second-factor-per-address", ""), *((action, str(user.pk)) for action in per_account)]
    )


def try_passkey(request: HttpRequest) -> Try:
    """Count a try to sign in by a passkey alone; raises Refusal (429) when there were too many.

    There is nothing to guess: it bounds the work, and the rows that visitors' sessions take.
    """
    return _consume(request, [("passkey-per-address", "")])


def fail_client(request: HttpRequest) -> None:
    """Count a client that did not prove to be itself; raises Refusal (429) when that happens too often."""
    _consume(request, [("client-per-address", "")])


def begin_device(request: HttpRequest) -> None:
    """Count a device that asks for codes; raises Refusal (429) when there were too many.

    Nothing proves what a public client is, and each leaves a row for an hour.
    """
    _consume(request, [("device-per-address", "")])


def try_user_code(request: HttpRequest, email: str) -> Try:
    """Count a try to name a device by its code; raises Refusal (429) when there were too many.

    A code has 34 bits and lives for ten minutes (RFC 8628, section 5.1).
    """
    return _consume(request, [("user-code-per-address", ""), ("user-code-per-account", email)])


def _is_known(email: str, network: str) -> bool:
    since = timezone.now() - _KNOWN_FOR
    from_where = Session.objects.filter(user__email=email, auth_time__gt=since).exclude(address="")
    addresses = from_where.values_list("address", flat=True).distinct()
    return any(ratelimit.truncate_ip(address) == network for address in addresses)


def _consume(request: HttpRequest, asked: Sequence[tuple[str, str]]) -> Try:
    used: list[Any] = []
    # One transaction: one write to the disk, and nobody else counts the same meanwhile.
    with transaction.atomic():
        locks.hold(*(_name(request, action, key) for action, key in asked))
        for action, key in asked:
            usage = ratelimit.consume(
                request, app=_APP, action=action, config=_RATES, key=key or None, limit_get=True
            )
            if usage is None:
                for earlier in used:
                    earlier.rollback()
                wait = _wait(request, action, key)
                break
            used.append(usage)
        else:
            return Try(tuple(used))
    raise try_later(wait)


def _wait(request: HttpRequest, action: str, key: str) -> int:
    """Give the seconds until the oldest of the counted tries counts no more."""
    now = time.time()
    tries: list[float] = cache.get(_name(request, action, key), [])
    oldest = tries[-1] if tries else now
    return max(1, math.ceil(oldest + float(_rate(action).duration) - now))


def _name(request: HttpRequest, action: str, key: str) -> str:
    """Give the name under which allauth counts."""
    name: str = ratelimit.get_cache_key(request, app=_APP, action=action, rate=_rate(action), key=key or None)
    return name


def _rate(action: str) -> Any:
    (rate,) = ratelimit.get_rates(app=_APP, action=action, config=_RATES)
    return rate
