"""How often somebody may try: for all processes together, see `tries`.

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

allauth has a limiter, too, which cannot say when to try again, and takes a dozen queries for each limit.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import caller, tries
from pillion.identity.models import Session, User
from pillion.identity.refusal import try_later
from pillion.identity.sql import column, stored, table
from pillion.identity.tries import Counted, Limit, limit


class Rate(NamedTuple):
    """So many tries in so many seconds; counted by the caller's network, or by what the caller names."""

    most: int
    seconds: int
    by_network: bool = False


_MINUTES, _HOUR, _DAY = 60, 3600, 24 * 3600
RATES: Final = {
    "password-per-address": Rate(30, 5 * _MINUTES, by_network=True),
    "password-per-account-and-address": Rate(5, 5 * _MINUTES),
    "password-per-account-elsewhere": Rate(100, _DAY),
    "sign-up-per-address": Rate(20, _HOUR, by_network=True),
    "session-per-account": Rate(120, _HOUR),
    "mail-per-address": Rate(20, _HOUR, by_network=True),
    "mail-to-one": Rate(4, 15 * _MINUTES),
    "second-factor-per-address": Rate(30, 5 * _MINUTES, by_network=True),
    "second-factor-per-account": Rate(5, 5 * _MINUTES),
    "second-factor-per-account-a-day": Rate(50, _DAY),
    "passkey-per-address": Rate(60, 5 * _MINUTES, by_network=True),
    "provider-per-address": Rate(60, 5 * _MINUTES, by_network=True),
    "client-per-address": Rate(30, 5 * _MINUTES, by_network=True),
    "device-per-address": Rate(100, _HOUR, by_network=True),
    "user-code-per-address": Rate(30, 5 * _MINUTES, by_network=True),
    "user-code-per-account": Rate(10, 5 * _MINUTES),
}
_KNOWN_FOR: Final = timedelta(days=30)
_FROM_WHERE: Final = (
    f"SELECT DISTINCT s.address FROM {table(Session)} s JOIN {table(User)} u ON u.id = s.user_id "  # noqa: S608 - constants
    "WHERE u.email = %s AND s.auth_time > %s AND s.address <> ''"
)


class Try(NamedTuple):
    """What one try used of its limits."""

    counted: Counted

    def give_back(self) -> None:
        """Count this try no longer: it succeeded."""
        tries.give_back(self.counted, time.time())


def try_password(request: HttpRequest, email: str) -> Try:
    """Count a try to sign in as `email` (in its normal form); raises Refusal (429) when there were too many.

    Counted before the password is looked at, so that many at once are no way around it.
    """
    network = caller.network(request)
    asked = [("password-per-address", ""), ("password-per-account-and-address", f"{email} {network}")]
    if not _is_known(email, network):
        asked.append(("password-per-account-elsewhere", email))
    return _consume(request, asked)


def try_sign_up(request: HttpRequest) -> Try:
    """Count a try to make an account; raises Refusal (429) when there were too many."""
    return _consume(request, [("sign-up-per-address", "")])


def open_session(request: HttpRequest, email: str, instead_of: Try | None = None) -> None:
    """Count a session that is opened for who has proved to be that account; raises Refusal (429).

    The try by which they did, `instead_of`, is counted no longer, in the same write.
    """
    _consume(request, [("session-per-account", email)], instead_of)


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


def try_provider(request: HttpRequest) -> None:
    """Count a visit to a provider that is begun; raises Refusal (429) when there were too many.

    As with a passkey alone, there is nothing to guess.
    """
    _consume(request, [("provider-per-address", "")])


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
    since = stored(Session, "auth_time", timezone.now() - _KNOWN_FOR)
    return any(caller.network_of(address) == network for address in column(_FROM_WHERE, email, since))


def forget() -> None:
    """Remove what counts no more."""
    tries.forget(time.time())


def _consume(request: HttpRequest, asked: Sequence[tuple[str, str]], instead_of: Try | None = None) -> Try:
    network = caller.network(request)
    limits = tuple([_limit(action, key, network) for action, key in asked])
    now = time.time()
    wait = tries.count(limits, now, instead_of=instead_of.counted if instead_of else None)
    if wait is not None:
        raise try_later(wait)
    return Try(Counted(limits, now))


def _limit(action: str, key: str, network: str) -> Limit:
    rate = RATES[action]
    return limit(action, network if rate.by_network else key, rate.most, rate.seconds)
