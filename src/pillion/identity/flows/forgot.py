"""A forgotten password: a link by mail, with which another one can be chosen."""

from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from pillion.identity import email_address, limits, links, provider_links, second_factors
from pillion.identity.email_address import EmailAddressError
from pillion.identity.flows import new_password
from pillion.identity.mail import queue
from pillion.identity.models import User
from pillion.identity.refusal import Refusal

ASK_FIELDS: Final = ("email",)
FIELDS: Final = ("key", "password")


def require_mail() -> None:
    """Raise Refusal (404) where no mail is sent."""
    if not settings.PILLION.sends_mail:
        raise Refusal(
            HTTPStatus.NOT_FOUND, "no-mail", "No mail is sent from here. Ask the operator for help instead."
        )


def ask(request: HttpRequest, email: str, about: str) -> str:
    """Have a mail about something sent to an address, whether or not it has an account; gives its normal form.

    Raises Refusal: 404 where no mail is sent, 400 for what is no address, 429 after too many.
    """
    require_mail()
    try:
        address = email_address.parse(email)
    except EmailAddressError as error:
        said = f"{str(error).capitalize()}."
        raise Refusal(HTTPStatus.BAD_REQUEST, "invalid-fields", said, errors={"email": said}) from None
    limits.try_mail(request, address)
    with transaction.atomic():
        queue.put(about, address)
    return address


def reset(request: HttpRequest, key: str, password: str) -> User:
    """Set the password of the user whom the key is for; all sessions end, and the address counts as theirs.

    Raises Refusal: 410 for a key that is no good any more, 400 for a password that is not taken.
    """
    user = links.reset(key)
    encoded = new_password.encode(user, password)
    with transaction.atomic():
        links.hold(user)
        user = links.reset(key)  # of two with one key, the second finds the password changed
        if EmailAddress.objects.filter(user=user, email=user.email, verified=False).update(verified=True):
            # Whoever made the account did not read this mail, and may be another: nothing of theirs lets them in.
            second_factors.forget(user)
            provider_links.forget(user)
        new_password.store(user, encoded)
        get_adapter(request).send_notification_mail("account/email/password_reset", user)
    return user
