"""Accounts that somebody signed up for and never confirmed: forgotten after a week, and the address is free."""

from datetime import datetime, timedelta
from typing import Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from pillion.identity import changes
from pillion.identity.models import Change, Session, User

KEPT_FOR: Final = timedelta(days=7)
SIGNED_UP: Final = "account.signed-up"
_AT_ONCE: Final = 200


def forget(now: datetime) -> int:
    """Delete some of them; gives how many. None where an account may be used before its address is confirmed."""
    if not settings.PILLION.verifies:
        return 0
    return sum(_forget(user, now) for user in _never_confirmed(now).order_by("date_joined")[:_AT_ONCE])


def _forget(user: User, now: datetime) -> bool:
    with transaction.atomic():
        # Whoever confirms an address holds its user: they have done it by now, or find nobody.
        User.objects.select_for_update().filter(pk=user.pk).first()
        if not _never_confirmed(now).filter(pk=user.pk).exists():
            return False
        changes.record("account.never-confirmed", user.email, sub=str(user.pk))
        user.delete()
    return True


def _never_confirmed(now: datetime) -> QuerySet[User]:
    """Give accounts that nothing has come of but their sign-up.

    That line of the record tells them from those that an operator, an import, a provider or a users service made.
    One that was disabled is kept: its address is not to be free.
    """
    return User.objects.filter(
        Exists(Change.objects.filter(what=SIGNED_UP, whom=OuterRef("email"), actor_sub=OuterRef("pk"))),
        ~Exists(EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)),
        ~Exists(Session.objects.filter(user=OuterRef("pk"))),
        ~Exists(SocialAccount.objects.filter(user=OuterRef("pk"))),
        ~Exists(Authenticator.objects.filter(user=OuterRef("pk"))),
        date_joined__lt=now - KEPT_FOR,
        last_login=None,
        roles=[],
        is_active=True,
    )
