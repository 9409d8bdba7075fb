"""The API keys of one's own account: made, listed, revoked."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from django.db import transaction
from django.http import HttpRequest

from pillion.identity import api_keys, limits
from pillion.identity.accounts import AccountError
from pillion.identity.flows.acting import acting
from pillion.identity.flows.still_there import still_there
from pillion.identity.models import User
from pillion.identity.refusal import Refusal

FIELDS: Final = ("name", "scope", "days")
ID_FIELDS: Final = ("id",)
# For how many days a key is good if nothing is said, and what the page offers.
DEFAULT_DAYS: Final = api_keys.DEFAULT_LIFETIME.days
OFFERED_DAYS: Final = (7, 30, DEFAULT_DAYS, 365)
_MOST_DIGITS: Final = 4


def own_api_keys(user: User) -> list[api_keys.Key]:
    """Give the keys of the user that are alive, the latest first."""
    return api_keys.list_keys(user.email)


def make(request: HttpRequest, user: User, given: Mapping[str, str]) -> api_keys.Made:
    """Make a key out of FIELDS, and tell the owner by mail.

    `scope` holds words with blanks between (RFC 6749, section 3.3). Raises Refusal: 400 for what cannot be, 401
    when the session has ended meanwhile, 409 when there are very many, 429 when very many were made.
    """
    lifetime = _lifetime(given.get("days", str(DEFAULT_DAYS)))
    limits.open_session(request, user.email)  # each is one, and every Envoy is told when it is revoked
    try:
        with transaction.atomic(), acting(request, user):
            still_there(request, user)
            made = api_keys.make(
                user.email, given.get("name", ""), scopes=given.get("scope", "").split(), lifetime=lifetime
            )
            get_adapter(request).send_notification_mail("account/email/api_key_made", user)
    except api_keys.InvalidApiKeyError as error:
        raise _unfit("days" if error.field == "expires" else error.field, _sentence(error)) from None
    except AccountError as error:
        raise Refusal(HTTPStatus.CONFLICT, "too-many-api-keys", _sentence(error)) from None
    return made


def revoke(request: HttpRequest, user: User, key: str) -> None:
    """Revoke one of the user's keys by its id; raises Refusal (404) if there is none that lives."""
    try:
        with acting(request, user):
            api_keys.revoke(key, owner=user.email)
    except AccountError:
        raise Refusal(HTTPStatus.NOT_FOUND, "no-such-api-key", "There is no such API key any more.") from None


def _lifetime(days: str) -> timedelta:
    if not (days.isascii() and days.isdigit() and len(days) <= _MOST_DIGITS):
        raise _unfit("days", "Say for how many days the key is to be good, such as 30.")
    return timedelta(days=int(days))


def _unfit(field: str, said: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid-fields", said, errors={field: said})


def _sentence(error: Exception) -> str:
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}."
