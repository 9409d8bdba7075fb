"""What the command line asks for, below the command line."""

from datetime import UTC, datetime, timedelta

import pytest

from pillion.identity import accounts
from pillion.identity.accounts import AccountError, InvalidAccountError
from pillion.identity.models import Session, User
from tests.identity.authenticator_app import user_with_app
from tests.identity.browser import PASSWORD, Browser, new_email, new_user, signed_in


def test_an_account_is_as_it_was_asked_for() -> None:
    """Roles sorted, each once; the address in its one form."""
    email = new_email()
    account = accounts.add_user(email.upper(), PASSWORD, ["manager", "buyer", "manager"])
    assert (account.email, account.roles, account.active) == (email, ("buyer", "manager"), True)
    assert account in accounts.list_users()
    assert account.document()["sub"] == account.sub
    assert datetime.fromisoformat(account.document()["joined"]).tzinfo == UTC


def test_an_address_has_one_account() -> None:
    """Whatever its case."""
    email = new_user()
    with pytest.raises(AccountError, match=f"account for {email} already"):
        accounts.add_user(email.upper(), PASSWORD)


@pytest.mark.parametrize(
    ("email", "password", "roles"),
    [
        ("nobody", PASSWORD, []),
        ("a@example.org", "short", []),
        ("a@example.org", "password123", []),
        ("a@example.org", PASSWORD, ["Manager"]),
        ("a@example.org", PASSWORD, ["a,b"]),
        ("a@example.org", PASSWORD, [""]),
        ("a@example.org", PASSWORD, ["x" * 65]),
        ("a@example.org", PASSWORD, [f"role-{number:05}" for number in range(100)]),
    ],
)
def test_what_cannot_be_is_refused(email: str, password: str, roles: list[str]) -> None:
    """And makes nobody; the password is in no message."""
    with pytest.raises(InvalidAccountError) as caught:
        accounts.add_user(email, password, roles)
    assert password not in str(caught.value)
    assert not User.objects.filter(email=email).exists()


def test_a_deleted_address_can_be_used_again_by_another_subject() -> None:
    """A `sub` is never given twice."""
    email = new_user()
    first = User.objects.get(email=email).id
    accounts.delete_user(email)
    assert accounts.add_user(email, PASSWORD).sub != str(first)


def test_who_is_not_there_is_named() -> None:
    """For each thing that needs an account."""
    for ask in (
        lambda: accounts.set_active("x@example.org", active=True),
        lambda: accounts.set_roles("x@example.org", []),
        lambda: accounts.delete_user("x@example.org"),
        lambda: accounts.issue_token("x@example.org", timedelta(seconds=60)),
    ):
        with pytest.raises(AccountError, match=r"no account for x@example\.org"):
            ask()


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_a_token_lives_within_bounds(seconds: int) -> None:
    """1 second to 1 hour."""
    with pytest.raises(InvalidAccountError, match="1 hour at most"):
        accounts.issue_token(new_user(), timedelta(seconds=seconds))


def test_a_disabled_account_gets_no_token_and_no_session() -> None:
    """Until it is enabled."""
    email = new_user()
    accounts.set_active(email, active=False)
    with pytest.raises(AccountError, match="is disabled"):
        accounts.issue_token(email, timedelta(seconds=60))
    assert Browser().sign_in(email).status == 401
    accounts.set_active(email, active=True)
    assert Browser().sign_in(email).status == 200


def test_enabling_brings_no_session_to_life() -> None:
    """A sign-in that crossed the order to disable may have left one."""
    browser = signed_in()
    email = browser.me().json()["email"]
    User.objects.filter(email=email).update(is_active=False)
    accounts.set_active(email, active=True)
    assert browser.renew()["Authorization"] == ""


def test_who_signs_up_is_not_verified_and_whom_the_operator_adds_is() -> None:
    """So that nobody gives a role to somebody else's address unawares."""
    stranger = new_email()
    assert Browser().post_json("/sign-up", {"email": stranger, "password": PASSWORD}).status == 200
    added = new_user()
    verified = {account.email: account.verified for account in accounts.list_users()}
    assert (verified[stranger], verified[added]) == (False, True)
    assert not accounts.set_roles(stranger, ["manager"]).verified


def test_the_session_of_a_token_ends_with_it() -> None:
    """It is there so that the token can be revoked, no longer."""
    email = new_user()
    accounts.issue_token(email, timedelta(seconds=90))
    row = Session.objects.get(user__email=email)
    assert row.expires_at - row.created_at == timedelta(seconds=90)


def test_an_operator_sees_who_has_a_second_factor() -> None:
    """In the order in which people are offered them."""
    email, _ = user_with_app()
    assert accounts.find_user(email).second_factors == ("totp", "recovery-code")
    assert accounts.find_user(new_user()).second_factors == ()
    (listed,) = [account for account in accounts.list_users() if account.email == email]
    assert listed.document()["second_factors"] == ["totp", "recovery-code"]


def test_who_lost_everything_gets_in_with_the_password_again() -> None:
    """Sessions and sign-ins that wait end; it is said when there is nothing to take away."""
    email, app = user_with_app()
    inside, waiting = Browser(), Browser()
    inside.sign_in(email)
    assert inside.post_json("/sign-in/second-factor", {"code": app.code()}).status == 200
    waiting.sign_in(email)
    assert accounts.reset_second_factors(email).second_factors == ()
    assert inside.renew()["Authorization"] == ""
    assert waiting.post_json("/sign-in/second-factor", {"code": app.code(1)}).status == 401
    assert Browser().sign_in(email).status == 200
    with pytest.raises(AccountError, match="has no second factor"):
        accounts.reset_second_factors(email)
