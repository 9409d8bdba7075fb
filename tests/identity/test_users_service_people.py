"""Who is whose where a users service knows the people: nobody becomes somebody else by an address."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import override_settings

from pillion.identity import accounts
from pillion.identity.accounts import AccountError
from pillion.identity.models import User
from tests.identity.browser import PASSWORD, Answer, Browser, new_email, new_user, signed_in
from tests.identity.conftest import CONFIG
from tests.identity.users_site import Site, asking, hire, new_sub, site, who

__all__ = ["site"]
WRONG = "wrong wrong wrong"
EXAMPLE = Path(__file__).parents[2] / "examples" / "users-service" / "users.py"


def test_no_password_that_is_kept_here_counts_and_a_local_account_is_not_taken_over(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The service says that its password is right: it still may not speak for somebody else's account."""
    email = new_user_before("admin")
    assert Browser().sign_in(email).status == 401
    hire(site, new_sub(), email, password="the password there")
    assert Browser().sign_in(email).status == 401
    with caplog.at_level(logging.WARNING, "pillion.identity"):
        assert Browser().sign_in(email, "the password there").status == 401
    assert "an account of Pillion's own has this address" in caplog.text
    assert User.objects.get(email=email).service_id is None
    hire(
        site, new_sub(), other := new_email(), email=email
    )  # typed otherwise, and answered with that address
    assert Browser().sign_in(other).status == 401


def new_user_before(*roles: str) -> str:
    """Make an account as if before there was a users service."""
    with override_settings(PILLION=CONFIG):
        return new_user(*roles)


def test_a_local_account_is_adopted_where_the_operator_said_so(site: Site) -> None:
    """Its sessions end, its password is gone; it stays the same person, with the roles of the service."""
    with override_settings(PILLION=CONFIG):
        browser = signed_in("admin")
    email = browser.me().json()["email"]
    hire(site, sub := new_sub(), email, password="the password there", roles=["buyer"])
    with asking(site, local_accounts="adopt"):
        assert Browser().sign_in(email).status == 401
        before = browser.me().json()["sub"]
        answer = Browser().sign_in(email, "the password there")
        assert (who(answer), answer.json()["user"]["roles"]) == (before, ["buyer"])
        assert browser.renew()["Authorization"] == ""
    with override_settings(PILLION=CONFIG):
        assert Browser().sign_in(email).status == 401
    assert User.objects.get(email=email).service_id == f"id:{sub}"


@pytest.mark.parametrize("unproven", ["here", "there"])
def test_an_account_that_is_not_proven_on_both_sides_is_never_adopted(site: Site, unproven: str) -> None:
    """An attack: sign up with somebody's address, and wait for them to come. Or the other way round."""
    email = new_user_before()
    EmailAddress.objects.filter(email=email).update(verified=unproven != "here")
    hire(site, new_sub(), email, email_verified=unproven != "there")
    with asking(site, local_accounts="adopt"):
        assert Browser().sign_in(email).status == 401
    assert User.objects.get(email=email).has_usable_password()


def test_somebody_who_has_an_account_already_gets_no_second_one_by_an_address(site: Site) -> None:
    """Also where local accounts may be adopted: two would become one."""
    local = new_user_before()
    email = hire(site, sub := new_sub())
    with asking(site, local_accounts="adopt"):
        first = who(Browser().sign_in(email))
        hire(site, sub, email, email=local)
        assert Browser().sign_in(email).status == 401
    assert str(User.objects.get(email=email).id) == first


def test_roles_and_address_follow_the_service_at_each_sign_in(site: Site) -> None:
    """The person stays who they are."""
    old = hire(site, sub := new_sub(), roles=["buyer"])
    first = who(Browser().sign_in(old))
    del site.people[old]
    new = hire(site, sub, roles=["manager"], email_verified=False)
    answer = Browser().sign_in(new)
    assert answer.json()["user"] == {"sub": first, "email": new, "roles": ["manager"]}
    assert not accounts.find_user(new).verified
    assert not User.objects.filter(email=old).exists()
    assert EmailAddress.objects.filter(user__email=new).count() == 1


def test_who_gets_an_address_that_was_somebody_elses_does_not_become_them(site: Site) -> None:
    """And who had it is signed out, since their tokens say it."""
    email = hire(site, gone := new_sub())
    browser = Browser()
    first = who(browser.sign_in(email))
    hire(site, new_sub(), email)
    second = who(Browser().sign_in(email))
    assert second != first
    assert browser.renew()["Authorization"] == ""
    assert User.objects.get(id=first).email == f"{first}@replaced.invalid"
    assert who(Browser().sign_in(hire(site, gone))) == first


def test_two_who_swap_their_addresses_stay_who_they_are(site: Site) -> None:
    one, two = hire(site, sub_one := new_sub()), hire(site, sub_two := new_sub())
    before = [who(Browser().sign_in(email)) for email in (one, two)]
    hire(site, sub_one, two)
    hire(site, sub_two, one)
    assert [who(Browser().sign_in(email)) for email in (two, one)] == before
    assert [User.objects.get(id=sub).email for sub in before] == [two, one]


def test_an_address_that_is_not_verified_is_taken_from_nobody(site: Site) -> None:
    """An attack: write a colleague's address into one's own profile there."""
    email = hire(site, new_sub())
    victim = Browser()
    first = who(victim.sign_in(email))
    other = new_email()
    hire(site, new_sub(), other, email=email, email_verified=False)
    assert Browser().sign_in(other).status == 401
    assert victim.renew()["Authorization"]
    assert User.objects.get(email=email).id == User.objects.get(id=first).id


def test_a_service_without_ids_may_begin_to_say_them_and_not_stop(site: Site) -> None:
    """Without them, the address is the id."""
    email = hire(site, None)
    first = who(Browser().sign_in(email))
    assert who(Browser().sign_in(email)) == first
    hire(site, sub := new_sub(), email)
    assert who(Browser().sign_in(email)) == first
    assert User.objects.get(email=email).service_id == f"id:{sub}"
    hire(site, None, email)
    assert Browser().sign_in(email).status == 401
    hire(site, f"email:{email}", other := new_email(), email=email)  # an id that looks like another's link
    assert who(Browser().sign_in(other)) != first


def test_who_is_disabled_here_stays_out_whatever_the_service_says(site: Site) -> None:
    email = hire(site, new_sub())
    who(Browser().sign_in(email))
    accounts.set_active(email, active=False)
    assert Browser().sign_in(email).status == 401


def at_once(*doings: Callable[[], Answer]) -> list[Answer]:
    """Do them as nearly at once as threads can, each with a connection of its own; gives the answers."""
    start = threading.Barrier(len(doings))

    def one(doing: Callable[[], Answer]) -> Answer:
        start.wait(10)
        try:
            return doing()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(doings)) as threads:
        return list(threads.map(one, doings))


def test_who_signs_in_for_the_first_time_from_two_browsers_at_once_is_one_person(site: Site) -> None:
    for _ in range(5):
        email = hire(site, new_sub())
        answers = at_once(*[lambda email=email: Browser().sign_in(email)] * 3)
        assert len({who(answer) for answer in answers}) == 1
        assert EmailAddress.objects.filter(user__email=email).count() == 1


def test_two_who_swap_their_addresses_at_once_do_not_wait_for_each_other(site: Site) -> None:
    one, two = hire(site, sub_one := new_sub()), hire(site, sub_two := new_sub())
    for _ in range(5):
        before = [who(Browser().sign_in(email)) for email in (one, two)]
        hire(site, sub_one, two)
        hire(site, sub_two, one)
        answers = at_once(lambda: Browser().sign_in(two), lambda: Browser().sign_in(one))
        assert [who(answer) for answer in answers] == before
        sub_one, sub_two = sub_two, sub_one


def test_a_password_of_ones_own_cannot_be_set_where_none_counts(site: Site) -> None:
    email = hire(site, new_sub())
    who(Browser().sign_in(email))
    changes: list[Callable[[], object]] = [
        lambda: accounts.add_user(new_email(), PASSWORD),
        lambda: accounts.set_password(email, "another battery, not that horse"),
        accounts.require_own_passwords,
    ]
    for change in changes:
        with pytest.raises(AccountError, match="your own users service"):
            change()


def test_who_is_adopted_is_an_operator_no_more(site: Site) -> None:
    """Whoever runs the service could sign in as them; an operator may give the role again, and it stays then."""
    email = new_user_before("pillion-operator")
    hire(site, new_sub(), email, password="the password there", roles=["buyer"])
    with asking(site, local_accounts="adopt"):
        assert Browser().sign_in(email, "the password there").json()["user"]["roles"] == ["buyer"]
        accounts.give_role(email, "pillion-auditor")
        again = Browser().sign_in(email, "the password there").json()
    assert again["user"]["roles"] == ["buyer", "pillion-auditor"]
