"""Who does what a request asks for, as the record of changes will say it."""

from contextlib import AbstractContextManager

from allauth.account.adapter import get_adapter
from django.http import HttpRequest

from pillion.identity import changes
from pillion.identity.models import User


def acting(request: HttpRequest, user: User) -> AbstractContextManager[None]:
    """Have what is changed until the block ends be `user`'s doing."""
    return changes.by(changes.Actor(user.email, user.id, get_adapter(request).get_client_ip(request)))
