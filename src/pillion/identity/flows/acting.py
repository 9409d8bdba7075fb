"""Who does what a request asks for, as the record of changes will say it."""

from contextlib import AbstractContextManager

from django.http import HttpRequest

from pillion.identity import caller, changes
from pillion.identity.models import User


def acting(request: HttpRequest, user: User) -> AbstractContextManager[None]:
    """Have what is changed until the block ends be `user`'s doing."""
    return changes.by(changes.Actor(user.email, user.id, caller.address(request)))
