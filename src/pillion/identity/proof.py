"""When and how the person of a session last proved who they are, by the records that allauth keeps in its data."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings

# allauth's names for how somebody proved themselves -> RFC 8176's.
_METHODS: Final = {"password": "pwd"}


def proven_at(data: Mapping[str, Any]) -> datetime | None:
    """Say when that was last: a sign-in, or a confirmation since; None if there is no record of any."""
    times = [record["at"] for record in _records(data)]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def methods(data: Mapping[str, Any]) -> list[str]:
    """Name how, as `amr` does (RFC 8176): everything that was proven in this session."""
    used = {record.get("method") for record in _records(data)}
    return sorted({_METHODS[method] for method in used if method in _METHODS})


def is_recent(data: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether that was recently enough for a dangerous step."""
    at = proven_at(data)
    return at is not None and now - at < timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


def without_older(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the records, of every kind of confirmation the latest alone: a session is not to grow with each."""
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in _records(data):
        kept[record.get("method"), record.get("type"), bool(record.get("reauthenticated"))] = record
    return sorted(kept.values(), key=lambda record: float(record["at"]))


def _records(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = data.get(AUTHENTICATION_METHODS_SESSION_KEY)
    return found if isinstance(found, list) else []
