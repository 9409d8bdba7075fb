"""Finds the user of an email address and a password where the users service knows the passwords."""

import logging
import time
from http import HTTPStatus
from typing import Final

from django.db import close_old_connections

from pillion.identity.config import Users
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.users_service.ask import UnavailableError, ask
from pillion.identity.users_service.shadow import account_of

# An outage is told of now and then, and not at each sign-in. Seconds.
_TELL_EVERY: Final = 10.0
_told: Final = [0.0]

_log = logging.getLogger("pillion.identity")


class UsersUnavailable(Refusal):
    """Nobody can say whether the password is right: not the caller's fault, and no failed try."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "users-unavailable",
            "Passwords cannot be checked right now. Try again in a moment.",
            headers={"Retry-After": "5"},
        )


def find_user(users: Users, email: str, password: str) -> User | None:
    """Give the user, whose account here is made or brought up to date; None if the service says that it is wrong.

    Raises UsersUnavailable.
    """
    close_old_connections()  # of a pool: a renewal may use it, while the service takes its time
    try:
        person = ask(users, email, password)
    except UnavailableError as error:
        if time.monotonic() - _told[0] > _TELL_EVERY:
            _told[0] = time.monotonic()
            _log.error("users service at %s: %s", users.url.partition("?")[0], error)
        raise UsersUnavailable from None
    return None if person is None else account_of(person, users)
