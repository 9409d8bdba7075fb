"""What a signed-in person changes of their account: the password, the address, or that there is one."""

from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import email_address, limits, sessions
from pillion.identity.email_address import EmailAddressError
from pillion.identity.flows import new_password
from pillion.identity.flows.forgot import require_mail
from pillion.identity.flows.signed_in import SignedIn, describe, signed_in
from pillion.identity.flows.still_there import still_there
from pillion.identity.mail import queue
from pillion.identity.models import Session, User
from pillion.identity.refusal import Refusal

PASSWORD_FIELDS: Final = ("password",)
EMAIL_FIELDS: Final = ("email",)


def change_password(request: HttpRequest, user: User, password: str) -> SignedIn:
    """Set another password. All sessions and API keys end, and this browser goes on in a new session.

    So a stolen cookie is dead, too.

    Raises Refusal: 400 for a password that is not taken, 401 when the session has ended meanwhile.
    """
    encoded = new_password.encode(user, password)
    limits.open_session(request, user.email)
    with transaction.atomic():
        still_there(request, user)
        new_password.store(user, encoded)
        kept = dict(request.session.items())
        request.session.flush()
        describe(request)
        request.session.update(kept)
        request.session.save()
        get_adapter(request).send_notification_mail("account/email/password_changed", user)
    return signed_in(request)


def ask_for_email(request: HttpRequest, user: User, email: str) -> str:
    """Have a link mailed to an address that is to be the user's, and tell the present one; gives its normal form.

    An address that another account has gets the same answer; its owner is told by mail. Raises Refusal: 404 where
    no mail is sent, 400 for what is no address or the same one, 429 after too many.
    """
    require_mail()
    try:
        address = email_address.parse(email)
    except EmailAddressError as error:
        raise _unfit(f"{str(error).capitalize()}.") from None
    if address == user.email:
        raise _unfit("This is your address already.")
    limits.try_mail(request, address)
    with transaction.atomic():
        queue.put("change", address, user=str(user.id))
        get_adapter(request).send_notification_mail(
            "account/email/email_change_asked", user, {"to_email": address}, email=user.email
        )
    return address


def delete_account(request: HttpRequest, user: User) -> None:
    """Delete the account for good, after revoking its sessions; raises Refusal (401) when it is gone already."""
    with transaction.atomic():
        still_there(request, user)
        sessions.revoke(Session.objects.filter(user=user), timezone.now())
        get_adapter(request).send_notification_mail("account/email/account_deleted", user, email=user.email)
        user.delete()
    request.session.flush()


def _unfit(said: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid-fields", said, errors={"email": said})
