"""Accounts that somebody signed up for and never confirmed: gone after a week, and no others."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from tests.identity.browser import PASSWORD, Browser, new_email, new_user  # isort: skip - sets Django up
from pillion.identity import accounts, caretaker, unconfirmed
from pillion.identity.models import Change, User
from tests.identity.mailed import key_to


def _signed_up() -> User:
    """Give who signed up eight days ago."""
    email = new_email()
    assert Browser().post_json("/sign-up", {"email": email, "password": PASSWORD}).status in {200, 201, 202}
    User.objects.filter(email=email).update(date_joined=timezone.now() - timedelta(days=8))
    return User.objects.get(email=email)


@pytest.mark.usefixtures("mail")
def test_an_account_that_nobody_confirms_is_forgotten_after_a_week_and_its_address_is_free() -> None:
    user = _signed_up()
    key = key_to(user.email, "verify")
    unconfirmed.forget(timezone.now() - timedelta(days=2))
    assert User.objects.filter(pk=user.pk).exists()
    caretaker.tidy(timezone.now())
    assert not User.objects.filter(pk=user.pk).exists()
    line = Change.objects.get(what="account.never-confirmed", whom=user.email)
    assert (line.actor, line.details) == ("identity", {"sub": str(user.pk)})
    assert Browser().post_json("/account/verify", {"key": key, "password": PASSWORD}).status == 410
    again, other = Browser(), "another passphrase of theirs"
    again.post_json("/sign-up", {"email": user.email, "password": other})
    key = key_to(user.email, "verify")
    assert again.post_json("/account/verify", {"key": key, "password": other}).status == 200
    assert again.me().json()["sub"] != str(user.pk)


def _confirm(user: User) -> None:
    done = Browser().post_json("/account/verify", {"key": key_to(user.email, "verify"), "password": PASSWORD})
    assert done.status == 200
    user.sessions.all().delete()
    User.objects.filter(pk=user.pk).update(last_login=None)


def _have_signed_in(user: User) -> None:
    User.objects.filter(pk=user.pk).update(last_login=timezone.now() - timedelta(days=7))


KEPT: dict[str, Callable[[User], object]] = {
    "confirmed": _confirm,
    "has signed in": _have_signed_in,
    "disabled": lambda user: accounts.set_active(user.email, active=False),
    "has a role": lambda user: accounts.give_role(user.email, "manager"),
    "has a token": lambda user: accounts.issue_token(user.email, timedelta(minutes=1)),
    "linked": lambda user: SocialAccount.objects.create(
        user=user, provider="https://sso.example", uid=user.email
    ),
    "has a factor": lambda user: Authenticator.objects.create(user=user, type="totp", data={}),
}


@pytest.mark.usefixtures("mail")
@pytest.mark.parametrize("why", KEPT)
def test_an_account_is_kept_that_something_has_come_of(why: str) -> None:
    user = _signed_up()
    KEPT[why](user)
    unconfirmed.forget(timezone.now())
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.usefixtures("mail")
def test_an_account_is_kept_that_nobody_signed_up_for() -> None:
    """An operator added it, or an import; whether anybody has confirmed it or not."""
    user = User.objects.get(email=new_user())
    EmailAddress.objects.filter(user=user).update(verified=False)
    User.objects.filter(pk=user.pk).update(date_joined=timezone.now() - timedelta(days=800))
    unconfirmed.forget(timezone.now())
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.usefixtures("mail_unasked")
def test_no_account_is_forgotten_where_none_has_to_be_confirmed() -> None:
    user = _signed_up()
    user.sessions.all().delete()
    User.objects.filter(pk=user.pk).update(last_login=None)
    assert unconfirmed.forget(timezone.now()) == 0
    assert User.objects.filter(pk=user.pk).exists()
