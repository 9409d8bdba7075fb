"""When and how the person of a session last proved who they are, by the records that allauth keeps in its data."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY as _WHOSE_RECORDS,
)
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings

# allauth's names for how somebody proved themselves, and by what -> RFC 8176's. Of a passkey's key it is not known
# whether it lies in hardware; a recovery code is good once, too.
_METHODS: Final = {
    ("password", None): "pwd",
    ("mfa", "totp"): "otp",
    ("mfa", "recovery_codes"): "otp",
    ("mfa", "webauthn"): "pop",
    # Not one of RFC 8176's, which has none for it: another has asked, and how is for them to know.
    ("socialaccount", None): "fed",
}


def by_password(user: UUID, email: str) -> dict[str, Any]:
    """Give what a session that has just begun notes of it: as allauth's `record_authentication`."""
    records = [{"method": "password", "at": time.time(), "email": email}]
    return {AUTHENTICATION_METHODS_SESSION_KEY: records, _WHOSE_RECORDS: str(user)}


def proven_at(data: Mapping[str, Any]) -> datetime | None:
    """Say when that was last: a sign-in, or a confirmation since; None if there is no record of any."""
    times = [record["at"] for record in _records(data)]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def methods(data: Mapping[str, Any]) -> list[str]:
    """Name how, as `amr` does (RFC 8176): everything that was proven in this session."""
    used = {(record.get("method"), record.get("type")) for record in _records(data)}
    names = {_METHODS[method] for method in used if method in _METHODS}
    ways = {method for method, _ in used}
    # A passkey asks for a finger or a PIN: two factors by itself.
    several = "pop" in names or ("mfa" in ways and len(ways) > 1)
    return sorted(names | {"mfa"}) if several else sorted(names)


def is_recent(data: Mapping[str, Any], now: datetime, *, unasked: bool = True) -> bool:
    """Tell whether that was recently enough for a dangerous step.

    Not `unasked`: what a provider said without saying when it last asked the person does not count.
    """
    counted = [record for record in _records(data) if unasked or record.get("asked", True)]
    at = proven_at({AUTHENTICATION_METHODS_SESSION_KEY: counted})
    return at is not None and now - at < timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


def second_factor_is_recent(data: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a second factor was shown recently enough for that."""
    shown = [record for record in _records(data) if record.get("method") == "mfa"]
    return is_recent({AUTHENTICATION_METHODS_SESSION_KEY: shown}, now)


def without_older(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the records, of every kind of confirmation the latest alone: a session is not to grow with each."""
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in _records(data):
        kept[record.get("method"), record.get("type"), bool(record.get("reauthenticated"))] = record
    return sorted(kept.values(), key=lambda record: float(record["at"]))


def _records(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = data.get(AUTHENTICATION_METHODS_SESSION_KEY)
    return found if isinstance(found, list) else []
