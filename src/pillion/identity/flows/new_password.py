"""A password that somebody chooses in place of the one that they had: judged, and set with all that follows."""

from http import HTTPStatus

from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from pillion.identity import passwords, sessions
from pillion.identity.models import Session, User
from pillion.identity.refusal import Refusal
from pillion.identity.turn import turn


def encode(user: User, password: str) -> str:
    """Give what is stored of a new password. Raises Refusal: 400 for one that is not taken, 503 in a crowd."""
    try:
        if len(password) > passwords.LONGEST:  # before anything works on it
            passwords.LengthValidator().validate(password)
        with turn():
            get_adapter().clean_password(password, user)
            return make_password(password)
    except ValidationError as error:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "invalid-fields",
            "The password is as it was: see what is asked for below.",
            errors={"password": " ".join(error.messages)},
        ) from None


def store(user: User, encoded: str) -> None:
    """Set the password, and revoke all sessions of the user, in the present transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a password is set with its sessions revoked, or not at all")
    user.password = encoded
    user.save(update_fields=["password"])
    sessions.revoke(Session.objects.filter(user=user), timezone.now())
