"""Roles by a provider's groups: those that the topology maps, at each sign-in, and no others."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pillion.identity import accounts, changes, provider_care
from pillion.identity.models import User
from tests.identity.browser import PASSWORD, Browser
from tests.identity.provider_site import Site, asking, from_account, new_person, provider, serving, sign_in

ROLES: dict[str, Any] = {
    "claim": ("realm", "groups"),
    "groups": {"Shop managers": "manager", "buyers": "buyer", "leads": "manager"},
}


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as site, asking(provider(site, roles=ROLES)):
        yield site


def roles(site: Site, person: dict[str, Any], groups: object) -> list[str]:
    """Sign in as somebody of these groups; gives the roles in the token."""
    browser = Browser()
    assert sign_in(browser, site, person | {"realm": {"groups": groups}}).status == 303
    found: list[str] = browser.claims()["roles"]
    return found


def test_mapped_groups_are_roles_and_come_and_go(site: Site) -> None:
    person = new_person()
    assert roles(site, person, ["buyers", "Shop managers", "admins"]) == ["buyer", "manager"]
    assert roles(site, person, ["leads"]) == ["manager"]
    assert roles(site, person, "buyers") == ["buyer"]
    assert roles(site, person, []) == []


@pytest.mark.parametrize("groups", [None, 7, {"buyers": True}, [["buyers"]], [7, None], ["manager", "buyer"]])
def test_whatever_else_stands_there_is_no_role(site: Site, groups: object) -> None:
    person = new_person()
    assert roles(site, person, ["buyers"]) == ["buyer"]
    assert roles(site, person, groups) == []


def test_a_claim_that_is_not_there_takes_the_roles_away(site: Site) -> None:
    person, browser = new_person(), Browser()
    roles(site, person, ["buyers"])
    sign_in(browser, site, person | {"realm": "buyers"})
    assert browser.claims()["roles"] == []


def test_what_an_operator_gave_stays(site: Site) -> None:
    person = new_person()
    roles(site, person, [])
    accounts.set_roles(person["email"], ["auditor", "buyer"])
    assert roles(site, person, ["buyers", "leads"]) == ["auditor", "buyer", "manager"]
    assert roles(site, person, []) == ["auditor", "buyer"]


def test_another_provider_takes_nothing_of_this_one(site: Site) -> None:
    person, other_person = new_person(), new_person()
    browser = Browser()
    sign_in(browser, site, person | {"realm": {"groups": ["buyers"]}})
    with ExitStack() as open_still:
        other = open_still.enter_context(serving(Site(name="other")))
        open_still.enter_context(asking(provider(site, roles=ROLES), provider(other, roles=ROLES)))
        claims = other_person | {"realm": {"groups": ["leads", "buyers"]}}
        from_account(browser, other, claims, "/account/providers/add")
        assert User.objects.get(email=person["email"]).roles == ["buyer", "manager"]
        assert roles(site, person, []) == ["buyer", "manager"]
        assert roles(other, other_person, []) == []


def test_no_group_is_a_role_of_pillions_own_and_one_given_by_hand_stays(site: Site) -> None:
    """Whoever can write groups at a provider is no operator here."""
    own: dict[str, Any] = {"claim": ("realm", "groups"), "groups": {"a": "pillion-operator", "b": "buyer"}}
    person = new_person()
    with asking(provider(site, roles=own)):
        assert roles(site, person, ["a", "b"]) == ["buyer"]
        accounts.set_roles(person["email"], ["buyer", "pillion-operator"])
        assert roles(site, person, []) == ["pillion-operator"]


def test_the_record_of_changes_says_who_gave_which(site: Site) -> None:
    person = new_person()
    roles(site, person, ["buyers"])
    roles(site, person, ["buyers"])  # nothing new
    roles(site, person, [])
    lines = [
        (one.actor, one.details["after"]) for one in changes.find(whom=person["email"], what="user.roles")
    ]
    assert lines == [(f"provider {site.url}", ["buyer"]), (f"provider {site.url}", [])]
    provider_care.unlink(person["email"])
    (line,) = changes.find(whom=person["email"], what="user.unlinked")
    assert line.details == {"providers": ["okta"]}


def test_with_the_link_go_its_roles(site: Site) -> None:
    person, browser = new_person(), Browser()
    sign_in(browser, site, person | {"realm": {"groups": ["buyers"]}})
    assert browser.post_json("/account/password", {"password": PASSWORD}).status == 200
    assert browser.post_json("/account/confirm", {"password": PASSWORD}).status == 200
    (one,) = browser.ask("GET", "/account/providers").json()["linked"]
    assert browser.post_json("/account/providers/remove", {"id": one["id"]}).status == 204
    assert User.objects.get(email=person["email"]).roles == []


def test_groups_are_asked_for_where_the_id_token_does_not_tell_them(site: Site) -> None:
    person = new_person()
    site.userinfo = {"sub": person["sub"], "realm": {"groups": ["buyers"]}}
    browser = Browser()
    assert sign_in(browser, site, person).status == 303
    assert browser.claims()["roles"] == ["buyer"]


def test_more_roles_than_a_token_can_hold_are_none(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    many = {f"group{number}": f"role{number:060}" for number in range(20)}
    person = new_person()
    with asking(provider(site, roles={"claim": ("groups",), "groups": many})):
        browser = Browser()
        assert sign_in(browser, site, person | {"groups": list(many)}).status == 303
        assert browser.claims()["roles"] == []
    assert "has too many roles" in caplog.text
