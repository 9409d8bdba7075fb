"""Confirming an address by the link that was mailed to it: after a sign-up, or to take the place of another one.

The link proves that somebody reads the mail, the password (or the session) that they own the account. Without
it, a stranger's account, made with your address, would become good by your click.
"""

from http import HTTPStatus
from typing import Final

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import check_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from pillion.identity import limits, links, passwords
from pillion.identity.links import Proof
from pillion.identity.models import User
from pillion.identity.refusal import Refusal
from pillion.identity.turn import turn

FIELDS: Final = ("key", "password")


def is_owner(request: HttpRequest, proof: Proof) -> bool:
    """Tell whether the owner of the account is signed in here, so that no password is needed."""
    return isinstance(request.user, User) and request.user.id == proof.user.id


def verify(request: HttpRequest, key: str, password: str) -> Proof:
    """Make the address the user's. Raises Refusal: 410 for a key that is no good any more, 400 without a password
    where it is needed, 403 when it is wrong, 409 when another account has got the address meanwhile, 429 and 503.
    """  # noqa: D205 - one thought
    proof = links.proof(key)
    if not is_owner(request, proof):
        _check(request, proof.user, password)
    try:
        with transaction.atomic():
            links.hold(proof.user)
            proof = links.proof(key)  # of two with one key, the second finds it used
            settle(request, proof)
    except IntegrityError:
        raise address_taken() from None
    return proof


def address_taken() -> Refusal:
    """Say that another account was quicker."""
    return Refusal(HTTPStatus.CONFLICT, "email-taken", "Another account has this address by now.")


def settle(request: HttpRequest, proof: Proof) -> None:
    """Make the address the user's, whose row is held; raises IntegrityError if it is another's by now."""
    user, before = proof.user, proof.user.email
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=proof.address, primary=True, verified=True)
    if before == proof.address:
        return
    user.email = proof.address
    user.save(update_fields=["email"])
    get_adapter(request).send_notification_mail(
        "account/email/email_changed", user, {"to_email": proof.address}, email=before
    )


def _check(request: HttpRequest, user: User, password: str) -> None:
    if not password:
        missing = "Enter your password."
        raise Refusal(HTTPStatus.BAD_REQUEST, "missing-fields", missing, errors={"password": missing})
    tried = limits.try_password(request, user.email)
    with turn():
        if len(password) > passwords.LONGEST or not check_password(password, user.password):
            raise Refusal(HTTPStatus.FORBIDDEN, "wrong-password", "The password is wrong.")
    tried.give_back()
