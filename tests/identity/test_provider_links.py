"""Adding providers to one's account, removing them, and what an account without a password can do."""

import time
from collections.abc import Iterator

import pytest
from allauth.socialaccount.models import SocialAccount

from pillion.identity import accounts, changes
from pillion.identity.models import User
from tests.identity.authenticator_app import user_with_app
from tests.identity.browser import PASSWORD, Browser, new_email, new_user, signed_in_as
from tests.identity.provider_site import (
    Site,
    asking,
    come_back,
    from_account,
    known,
    new_person,
    provider,
    serving,
    sign_in,
)
from tests.identity.soft_passkey import add_passkey

ADD, REMOVE, PAGE = "/account/providers/add", "/account/providers/remove", "/account/providers"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as site, asking(provider(site, title="Example Inc.")):
        yield site


def just_now(**claims: object) -> dict[str, object]:
    """Give a new person whom the provider has just asked who they are."""
    return new_person(auth_time=int(time.time()), **claims)


def linked(browser: Browser) -> list[dict[str, str]]:
    """Ask which providers the account is linked to."""
    found: list[dict[str, str]] = browser.ask("GET", PAGE).json()["linked"]
    return found


def forget_proof(browser: Browser) -> None:
    """Have the last proof be older than dangerous steps allow."""
    from pillion.identity.models import Session  # noqa: PLC0415

    row = Session.objects.get(sid=browser.claims()["sid"])
    for record in row.data["account_authentication_methods"]:
        record["at"] -= 3600
    row.save()


def test_a_provider_is_added_and_signs_in_from_then_on(site: Site) -> None:
    browser, email = signed_in_as()
    person = new_person()  # of another address
    answer = from_account(browser, site, person, ADD)
    assert (answer.status, answer["Location"]) == (303, PAGE)
    assert [(one["provider"], one["email"]) for one in linked(browser)] == [("okta", person["email"])]
    assert person["email"] in browser.visit(PAGE).body.decode()
    again = Browser()
    assert sign_in(again, site, person).status == 303
    assert again.me().json()["email"] == email
    assert from_account(browser, site, person, ADD).status == 303  # twice is no mistake
    assert len(linked(browser)) == 1


def test_only_who_has_confirmed_lately_adds_or_removes_one(site: Site) -> None:
    browser, _ = signed_in_as()
    forget_proof(browser)
    for path in (ADD, REMOVE):
        refused = browser.post_json(path, {"provider": "okta", "id": "1"})
        assert (refused.status, refused.code) == (403, "confirm-first")
        led = browser.post_form(path, {"provider": "okta"})
        assert led["Location"] == f"/account/confirm?next={path.replace('/', '%2F')}"
    assert signed_in_as()[0].visit(ADD)["Location"] == PAGE
    assert Browser().post_json(ADD, {"provider": "okta"}).status == 401
    assert not site.asked


def test_who_is_linked_to_another_account_stays_there(site: Site) -> None:
    person = new_person()
    sign_in(Browser(), site, person)
    browser, _ = signed_in_as()
    answer = from_account(browser, site, person, ADD)
    assert answer.status == 409
    assert b"signs in to another account here" in answer.body
    assert linked(browser) == []
    assert SocialAccount.objects.get(uid=person["sub"]).user.email == person["email"]


def test_an_address_that_the_provider_has_verified_is_confirmed_by_adding_it(site: Site) -> None:
    browser, email = Browser(), new_email()
    assert browser.post_json("/sign-up", {"email": email, "password": PASSWORD}).status == 200
    from_account(browser, site, new_person(email=email, email_verified=False), ADD)
    assert not accounts.find_user(email).verified
    from_account(browser, site, new_person(email=email), ADD)
    assert accounts.find_user(email).verified


def test_a_provider_is_removed_where_there_is_a_password(site: Site) -> None:
    browser, email = signed_in_as()
    person = new_person()
    from_account(browser, site, person, ADD)
    (one,) = linked(browser)
    assert "Example Inc." in browser.visit(REMOVE).body.decode()
    assert browser.post_form(REMOVE, {"id": one["id"]})["Location"] == PAGE
    assert linked(browser) == []
    recorded = [(one.actor, one.what, one.details) for one in changes.find(whom=email, what="account.")]
    told = {"provider": "Example Inc."}
    assert recorded == [(email, "account.provider-added", told), (email, "account.provider-removed", told)]
    for number in (one["id"], "", "x", "9" * 30, "-1"):
        gone = browser.post_json(REMOVE, {"id": number})
        assert (gone.status, gone.code) == (404, "no-such-link")


def test_the_last_way_to_sign_in_is_not_removed(site: Site) -> None:
    browser, person = Browser(), just_now()
    sign_in(browser, site, person)
    (one,) = linked(browser)
    refused = browser.post_json(REMOVE, {"id": one["id"]})
    assert (refused.status, refused.code) == (409, "last-way-in")
    page = browser.post_form(REMOVE, {"id": one["id"]})
    assert page.status == 409
    assert b"You could not sign in any more" in page.body
    # One at a provider that is not of this mesh any more signs nobody in.
    SocialAccount.objects.create(
        user_id=browser.claims()["sub"], provider="https://gone.example", uid="1", extra_data={}
    )
    assert browser.post_json(REMOVE, {"id": one["id"]}).code == "last-way-in"
    assert b"not in use here any more" in browser.visit(PAGE).body


def test_nobody_removes_another_ones_link(site: Site) -> None:
    owner, thief = Browser(), signed_in_as()[0]
    sign_in(owner, site, just_now())
    (one,) = linked(owner)
    assert thief.post_json(REMOVE, {"id": one["id"]}).status == 404
    assert len(linked(owner)) == 1


def test_a_passkey_is_a_way_to_sign_in_and_the_last_one_stays(site: Site) -> None:
    browser, person = Browser(), just_now()
    sign_in(browser, site, person)
    _, added = add_passkey(browser)
    assert added.status == 201
    (one,) = linked(browser)
    assert browser.post_json(REMOVE, {"id": one["id"]}).status == 204
    (passkey,) = browser.ask("GET", "/account/security").json()["passkeys"]
    refused = browser.post_json("/account/security/passkeys/remove", {"id": passkey["id"]})
    assert (refused.status, refused.code) == (409, "last-way-in")


def test_who_has_no_password_confirms_by_the_provider_which_asks_them_again(site: Site) -> None:
    browser, person = Browser(), new_person(auth_time=int(time.time()) - 3600)
    sign_in(browser, site, person)
    assert browser.post_json("/account/password", {"password": PASSWORD}).code == "confirm-first"
    page = browser.visit("/account/confirm?next=/account/password").body.decode()
    assert "Confirm with Example Inc." in page
    assert 'name="password"' not in page
    where = browser.post_form("/account/confirm/provider", {"provider": "okta"})["Location"]
    assert "&prompt=login&max_age=0" in where
    now = int(time.time())
    answer = from_account(
        browser, site, person | {"auth_time": now}, "/account/confirm/provider", next="/account/password"
    )
    assert (answer.status, answer["Location"]) == (303, "/account/password")
    assert browser.claims()["auth_time"] >= now
    assert b"Choose a password" in browser.visit("/account/password").body
    assert browser.post_json("/account/password", {"password": PASSWORD}).status == 200
    assert Browser().sign_in(person["email"]).status == 200
    assert sign_in(Browser(), site, person).status == 303  # as before


@pytest.mark.parametrize("age", [None, 90, 600, 86400])
def test_a_provider_that_did_not_ask_again_confirms_nothing(site: Site, age: int | None) -> None:
    """Silent single sign-on: whoever sits before the browser."""
    browser, person = Browser(), new_person(auth_time=1)
    sign_in(browser, site, person)
    path, auth_time = "/account/confirm/provider", None if age is None else int(time.time()) - age
    answer = from_account(browser, site, person | {"auth_time": auth_time}, path)
    assert answer.status == 403
    assert b"does not say that it has asked you again" in answer.body
    assert browser.post_json("/account/password", {"password": PASSWORD}).code == "confirm-first"


def test_another_person_of_the_provider_confirms_nothing(site: Site) -> None:
    browser = Browser()
    sign_in(browser, site, new_person(auth_time=1))
    other = just_now()
    sign_in(Browser(), site, other)
    answer = from_account(browser, site, other, "/account/confirm/provider")
    assert answer.status == 403
    assert b"is not the owner of this account" in answer.body


def test_the_answer_to_a_sign_in_does_not_confirm(site: Site) -> None:
    """What the answer is to is kept here, not in what the browser sends."""
    browser, person = Browser(), new_person(auth_time=1)
    sign_in(browser, site, person)
    first = browser.claims()["sid"]
    answer = sign_in(browser, site, person, "/account/password")
    assert answer.status == 303
    assert browser.claims()["sid"] != first
    assert browser.post_json("/account/password", {"password": PASSWORD}).code == "confirm-first"


def test_who_has_a_second_factor_confirms_by_that_alone(site: Site) -> None:
    email, app = user_with_app()
    browser = Browser()
    sign_in(browser, site, just_now(email=email))
    assert browser.post_form("/sign-in/second-factor", {"code": app.code()}).status == 303
    refused = browser.post_json("/account/confirm/provider", {"provider": "okta"})
    assert (refused.status, refused.code) == (403, "not-by-this-provider")
    assert b"Confirm with" not in browser.visit("/account/confirm").body


def test_a_sign_in_without_a_word_of_when_does_not_confirm_where_there_is_a_password(site: Site) -> None:
    """A borrowed browser is signed in at the provider, too."""
    email, browser = new_user(), Browser()
    sign_in(browser, site, new_person(email=email))
    assert browser.post_json("/account/delete", {}).code == "confirm-first"
    assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 200
    assert browser.post_json("/account/delete", {}).status == 204


def test_providers_that_cannot_ask_again_confirm_where_there_is_nothing_better(site: Site) -> None:
    """Google, GitHub and Facebook do not say when they asked; an account without a password has nothing else."""
    browser, person = Browser(), new_person(auth_time=None)
    sign_in(browser, site, person)
    SocialAccount.objects.create(
        user_id=browser.claims()["sub"], provider="https://github.com", uid=person["sub"], extra_data={}
    )
    with asking(known("github")):
        path = "/account/confirm/provider"
        assert "prompt=select_account" in browser.post_form(path, {"provider": "github"})["Location"]
        User.objects.get(email=person["email"]).set_password(PASSWORD)
        user = User.objects.get(email=person["email"])
        user.set_password(PASSWORD)
        user.save()
        assert browser.post_json(path, {"provider": "github"}).code == "not-by-this-provider"
        assert b"Confirm with" not in browser.visit("/account/confirm").body


def test_without_a_provider_that_is_in_use_the_page_says_what_else_can_be_done(site: Site) -> None:
    browser = Browser()
    sign_in(browser, site, new_person(auth_time=1))
    with asking():
        assert b"Ask the operator for a password" in browser.visit("/account/confirm").body
    with asking(mailbox_key="k" * 32):
        assert b'<a href="/account/forgot">Choose a password</a>' in browser.visit("/account/confirm").body


def test_the_account_leads_there_only_where_there_are_providers(site: Site) -> None:  # noqa: ARG001
    browser, _ = signed_in_as()
    assert PAGE.encode() in browser.visit("/account").body
    with asking():
        assert PAGE.encode() not in browser.visit("/account").body


def test_a_link_is_finished_by_who_began_it_alone(site: Site) -> None:
    browser, _ = signed_in_as()
    there = browser.post_form(ADD, {"provider": "okta"})["Location"]
    answer = site.allow(there, new_person())
    assert browser.sign_in(new_user()).status == 200  # another one, in the same browser
    assert come_back(browser, site, answer).status == 400
    assert linked(browser) == []
