"""Nobody gets another one's account by a provider, or prepares one that its owner then shares with them."""

from collections.abc import Iterator

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from pillion.identity import accounts, provider_care
from pillion.identity.models import QueuedMail, Session, User
from tests.identity.browser import PASSWORD, Browser, new_email, new_user, signed_in_as
from tests.identity.mailed import key_to, link_to, subjects_to
from tests.identity.provider_site import (
    Site,
    asking,
    begin,
    come_back,
    from_account,
    new_person,
    provider,
    serving,
    sign_in,
)

MAIL = {"mailbox_key": "k" * 32}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as site, asking(provider(site)):
        yield site
    QueuedMail.objects.all().delete()


def test_a_verified_address_links_the_account_that_is_known_to_have_it(site: Site) -> None:
    email, browser = new_user("manager"), Browser()
    assert sign_in(browser, site, new_person(email=email)).status == 303
    assert browser.me().json()["sub"] == accounts.find_user(email).sub
    assert browser.claims()["roles"] == ["manager"]
    assert Browser().sign_in(email).status == 200  # by password as before


def test_the_owner_is_told_of_it(site: Site) -> None:
    email = new_user()
    with asking(provider(site, title="Example Inc."), **MAIL):
        sign_in(Browser(), site, new_person(email=email))
        sign_in(Browser(), site, new_person(email=new_email()))
        assert subjects_to(email) == ["You can sign in by Example Inc. now"]


@pytest.mark.parametrize("verified", [False, None, 0, 1, "yes", "True", ["true"]])
def test_an_address_that_is_not_verified_takes_no_account_over(site: Site, verified: object) -> None:
    email, browser = new_user("manager"), Browser()
    answer = sign_in(browser, site, new_person(email=email, email_verified=verified))
    assert answer.status == 409
    assert b"There is an account with your address already" in answer.body
    assert "pillion-token" not in browser.cookies
    assert not SocialAccount.objects.filter(user__email=email).exists()


def test_an_address_that_is_not_verified_is_told_to_no_service(site: Site) -> None:
    person, browser = new_person(email_verified=False), Browser()
    assert sign_in(browser, site, person).status == 303
    assert "email" not in browser.claims()
    assert not browser.me().json()["email_verified"]


def test_where_it_need_not_be_confirmed_its_owner_is_mailed_how_to(site: Site) -> None:
    person, browser = new_person(email_verified=False), Browser()
    with asking(provider(site), verification="optional", **MAIL):
        for _ in range(2):
            assert sign_in(browser, site, person).status == 303
        assert subjects_to(person["email"]) == ["Confirm your address"]
        verified = new_person()
        assert sign_in(Browser(), site, verified).status == 303
        assert subjects_to(verified["email"]) == []
        # Where they are signed in, their session shows that the account is theirs.
        assert browser.post_json("/account/verify", {"key": key_to(person["email"], "verify")}).status == 200
        assert browser.me().json()["email_verified"]


def test_where_mail_is_sent_an_unverified_address_is_answered_alike_whether_it_has_an_account(
    site: Site,
) -> None:
    taken, free = new_user(), new_email()
    with asking(provider(site), **MAIL):
        answers = [
            sign_in(Browser(), site, new_person(email=email, email_verified=False)) for email in (taken, free)
        ]
        assert {answer.status for answer in answers} == {200}
        assert (
            len(
                {
                    answer.body.replace(e.encode(), b"")
                    for answer, e in zip(answers, (taken, free), strict=True)
                }
            )
            == 1
        )
        assert not SocialAccount.objects.filter(user__email=taken).exists()
        assert [len(subjects_to(email)) for email in (taken, free)] == [1, 1]
        assert Browser().sign_in(taken).status == 200


def test_an_unverified_address_is_confirmed_by_its_mail_and_the_provider_together(site: Site) -> None:
    person, browser = new_person(email_verified=False), Browser()
    email = person["email"]
    with asking(provider(site), **MAIL):
        assert b"Look into your mailbox" in sign_in(browser, site, person).body
        assert "pillion-token" not in browser.cookies
        assert b"Look into your mailbox" in sign_in(browser, site, person).body  # as long as it is not
        link = link_to(email, "verify")
        page = browser.visit(link).body.decode()
        assert "Confirm with okta" in page
        assert 'name="password"' not in page
        key = link.partition("key=")[2]
        done = from_account(browser, site, person, "/account/verify/provider", key=key)
        assert (done.status, done["Location"]) == (303, "/")
        assert browser.me().json()["email_verified"]
        dead = browser.post_json("/account/verify/provider", {"provider": "okta", "key": key})
        assert (dead.status, dead.code) == (410, "link-expired")


def test_the_click_of_the_owner_gives_the_account_to_nobody_else(site: Site) -> None:
    """Pre-hijacking: the attacker's provider says the victim's address, and the victim opens the mailed link."""
    victim, attacker = new_email(), new_person(email_verified=False)
    attacker["email"] = victim
    with asking(provider(site), **MAIL):
        sign_in(Browser(), site, attacker)
        key = key_to(victim, "verify")
        browser = Browser()
        mine = new_person(email=victim)
        answer = from_account(browser, site, mine, "/account/verify/provider", key=key)
        assert answer.status == 403
        assert b"is not the owner of this account" in answer.body
        assert not EmailAddress.objects.filter(email=victim, verified=True).exists()
        assert b"Look into your mailbox" in sign_in(Browser(), site, attacker).body


def test_the_reset_of_the_owner_throws_out_who_came_first(site: Site) -> None:
    """And the roles that they had by the provider."""
    victim, attacker = new_email(), new_person(email_verified=False)
    attacker["email"] = victim
    roles = {"claim": ("groups",), "groups": {"A": "manager"}}
    with asking(provider(site, roles=roles), **MAIL):
        sign_in(Browser(), site, attacker | {"groups": ["A"]})
        Browser().post_json("/account/forgot", {"email": victim})
        key = key_to(victim, "reset")
        assert Browser().post_json("/account/reset", {"key": key, "password": PASSWORD}).status == 204
        assert not SocialAccount.objects.filter(user__email=victim).exists()
        owner, thief = Browser(), Browser()
        assert owner.sign_in(victim).status == 200
        assert owner.claims()["roles"] == []
        sign_in(thief, site, attacker)
        assert "pillion-token" not in thief.cookies


def test_an_account_that_somebody_made_with_the_address_is_not_shared(site: Site) -> None:
    """Pre-hijacking: the attacker has signed up with the victim's address, who comes by a provider."""
    for more in ({"verification": "optional", **MAIL}, {}):
        victim, attacker = new_email(), Browser()
        with asking(provider(site), **more):
            assert attacker.post_json("/sign-up", {"email": victim, "password": PASSWORD}).status == 200
            browser = Browser()
            answer = sign_in(browser, site, new_person(email=victim))
            assert answer.status == 409
            assert b"made by who did not confirm" in answer.body
            assert b"/account/forgot" in answer.body
            assert "pillion-token" not in browser.cookies
            assert not SocialAccount.objects.filter(user__email=victim).exists()


def test_after_the_reset_by_mail_the_provider_leads_to_the_account(site: Site) -> None:
    victim, attacker, person = new_email(), Browser(), new_person()
    person["email"] = victim
    with asking(provider(site), verification="optional", **MAIL):
        attacker.post_json("/sign-up", {"email": victim, "password": "the attacker's own password"})
        Browser().post_json("/account/forgot", {"email": victim})
        key = key_to(victim, "reset")
        assert Browser().post_json("/account/reset", {"key": key, "password": PASSWORD}).status == 204
        browser = Browser()
        assert sign_in(browser, site, person).status == 303
        assert browser.me().json()["email"] == victim
        assert not attacker.renew()["Authorization"]
        assert attacker.sign_in(victim, "the attacker's own password").status == 401


def test_an_address_that_changes_at_the_provider_leads_to_no_other_account(site: Site) -> None:
    person, other = new_person(), new_user("manager")
    browser, again = Browser(), Browser()
    sign_in(browser, site, person)
    sub = browser.me().json()["sub"]
    before = person["email"]
    assert sign_in(again, site, person | {"email": other}).status == 303
    assert again.me().json()["sub"] == sub
    assert again.me().json()["email"] == before
    assert not SocialAccount.objects.filter(user__email=other).exists()


def test_who_gets_an_address_at_the_provider_does_not_get_the_account_of_who_had_it(site: Site) -> None:
    """Addresses are given to others, as when somebody leaves; a `sub` never is."""
    person = new_person()
    sign_in(Browser(), site, person)
    browser = Browser()
    answer = sign_in(browser, site, new_person(email=person["email"]))
    assert answer.status == 409
    assert b"linked to somebody else at okta" in answer.body
    assert "pillion-token" not in browser.cookies


def test_an_operator_gives_the_account_to_who_has_the_address_now(site: Site) -> None:
    person, browser = new_person(), Browser()
    sign_in(browser, site, person)
    assert provider_care.unlink(person["email"]) == ("okta",)
    assert not browser.renew()["Authorization"]
    again = Browser()
    assert sign_in(again, site, new_person(email=person["email"])).status == 303
    assert again.me().json()["email"] == person["email"]
    assert sign_in(Browser(), site, person).status == 409  # who had it before is another one now


def test_the_same_sub_of_another_provider_is_somebody_else(site: Site) -> None:
    person = new_person()
    sign_in(Browser(), site, person)
    with serving(Site(name="other")) as other, asking(provider(site), provider(other)):
        browser = Browser()
        assert sign_in(browser, other, new_person(sub=person["sub"])).status == 303
        assert browser.me().json()["email"] != person["email"]


def test_a_provider_of_the_same_name_with_another_issuer_takes_nothing_over(site: Site) -> None:
    person = new_person()
    sign_in(Browser(), site, person)
    with serving(Site(name=site.name)) as other, asking(provider(other)):
        browser = Browser()
        answer = sign_in(browser, other, person | {"email_verified": False})
        assert answer.status == 409
        assert "pillion-token" not in browser.cookies


def test_who_is_disabled_while_they_are_at_the_provider_is_not_let_in(site: Site) -> None:
    person, browser = new_person(), Browser()
    sign_in(Browser(), site, person)
    answer = site.allow(begin(browser, site), person)
    accounts.set_active(person["email"], active=False)
    assert come_back(browser, site, answer).status == 403
    accounts.delete_user(person["email"])
    assert sign_in(browser, site, person).status == 303  # a new account, as for anybody
    assert User.objects.get(email=person["email"]).is_active


def test_a_link_that_somebody_began_is_not_finished_in_another_account(site: Site) -> None:
    browser, _ = signed_in_as()
    there = browser.post_form("/account/providers/add", {"provider": "okta"})["Location"]
    answer = site.allow(there, new_person())
    User.objects.filter(pk=browser.claims()["sub"]).update(is_active=False)
    assert come_back(browser, site, answer).status in {400, 401, 403}
    assert not SocialAccount.objects.filter(user=browser.claims()["sub"]).exists()


def test_a_session_that_ends_meanwhile_links_nothing(site: Site) -> None:
    """A stolen cookie does not outlive its revocation by a link that it has begun."""
    from pillion.identity.flows import provider_visit  # noqa: PLC0415 - beside what it is about

    browser, _ = signed_in_as()
    there = browser.post_form("/account/providers/add", {"provider": "okta"})["Location"]
    answer, sid, ask = site.allow(there, new_person()), browser.claims()["sid"], provider_visit.ask_who

    def ask_and_revoke(*given: object) -> object:
        from django.utils import timezone  # noqa: PLC0415

        from pillion.identity import sessions  # noqa: PLC0415

        sessions.revoke(Session.objects.filter(sid=sid), timezone.now())
        return ask(*given)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider_visit, "ask_who", ask_and_revoke)
        assert come_back(browser, site, answer).status == 401
    assert not SocialAccount.objects.filter(user=browser.claims()["sub"]).exists()
