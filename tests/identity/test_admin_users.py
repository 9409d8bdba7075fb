"""The page of the users in the admin: found, and given each order."""

from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.identity.browser import Answer, Browser, new_email, new_user  # isort: skip - sets Django up
from pillion.identity import accounts
from pillion.identity.admin import page as pages_of_admin
from pillion.identity.models import Change, OAuthGrant, Revocation, User
from tests.identity.browser import PASSWORD
from tests.identity.operators import AUDITOR, OPERATOR, list_of, with_role
from tests.identity.program import program
from tests.identity.test_oauth_authorize import decide


def test_an_order_asks_once_more_and_says_what_it_means() -> None:
    operator, email = with_role(OPERATOR), new_user()
    user = User.objects.get(email=email)
    asked = operator.order("user", "delete", user.pk).body.decode()
    assert "Services keep what they have of them" in asked
    assert email in asked
    assert User.objects.filter(pk=user.pk).exists()
    assert operator.order("user", "delete", user.pk, confirmed="yes").status == 302
    assert not User.objects.filter(pk=user.pk).exists()
    line = Change.objects.get(what="user.deleted", whom=email)
    assert (str(line.actor_sub), line.address) == (operator.claims()["sub"], "192.0.2.1")


def test_users_are_disabled_enabled_and_signed_out_in_bulk() -> None:
    operator = with_role(OPERATOR)
    people = [Browser() for _ in range(3)]
    users = []
    for person in people:
        email = new_user()
        person.sign_in(email)
        users.append(User.objects.get(email=email))
    keys = [user.pk for user in users]
    assert operator.order("user", "sign_out", *keys, confirmed="yes").status == 302
    assert "Signed out: 3." in operator.said()
    assert [person.me().status for person in people] == [401, 401, 401]
    assert operator.order("user", "disable", *keys, confirmed="yes").status == 302
    assert [Browser().sign_in(user.email).status for user in users] == [401, 401, 401]
    operator.order("user", "enable", *keys)
    assert [Browser().sign_in(user.email).status for user in users] == [200, 200, 200]


def test_roles_are_given_and_taken() -> None:
    operator, email = with_role(OPERATOR), new_user("clerk")
    user = User.objects.get(email=email)
    operator.order("user", "give_role", user.pk, role="manager")
    assert accounts.find_user(email).roles == ("clerk", "manager")
    operator.order("user", "take_role", user.pk, role="clerk")
    assert accounts.find_user(email).roles == ("manager",)
    operator.order("user", "give_role", user.pk, role="No Role <b>")
    assert "No Role &lt;b&gt;" in operator.said()
    operator.order("user", "take_role", user.pk, role="clerk")
    assert "has no role" in operator.said()
    assert accounts.find_user(email).roles == ("manager",)


@pytest.mark.parametrize("order", ["disable", "delete", "take_role", "reset_second_factors"])
def test_nobody_takes_the_last_operator_away_by_mistake(order: str) -> None:
    operator = with_role(OPERATOR)
    me = User.objects.get(pk=operator.claims()["sub"])
    operator.order("user", order, me.pk, confirmed="yes", role=OPERATOR)
    assert "your own account" in operator.said()
    me.refresh_from_db()
    assert (me.is_active, me.roles) == (True, [OPERATOR])


def test_an_account_is_added() -> None:
    operator, email = with_role(OPERATOR), new_email()
    page = f"{list_of('user')}add/"

    def add(**fields: str) -> Answer:
        given = {"email": email, "password": PASSWORD, "roles": "manager clerk", **fields}
        return operator.post(page, [("csrfmiddlewaretoken", operator.proof(page)), *given.items()])

    assert "this password is not taken" in add(password="short").body.decode()
    assert "is no role" in add(roles="No").body.decode()
    assert add().status == 302
    assert accounts.find_user(email).roles == ("clerk", "manager")
    assert Browser().sign_in(email).status == 200
    again = add()
    assert (again.status, "already" in again.body.decode()) == (200, True)
    assert PASSWORD not in again.body.decode()


def test_users_are_filtered() -> None:
    operator, email = with_role(OPERATOR), new_user()
    user = User.objects.get(email=email)

    def shown(query: str) -> bool:
        return f"{user.pk}/change/" in operator.visit(f"{list_of('user')}?q={email}&{query}").body.decode()

    assert shown("is_active__exact=1")
    assert not shown("is_active__exact=0")
    assert shown("second_factor=no")
    assert not shown("second_factor=yes")
    assert shown("confirmed=yes")


@pytest.mark.parametrize(
    "term",
    [
        lambda user: user.email[1:],
        lambda user: user.email.upper(),
        lambda user: str(user.pk),
        lambda user: user.roles[0],
    ],
)
def test_users_are_found(term: Callable[[User], str]) -> None:
    role = f"role-{new_email().partition('@')[0]}"
    email = new_user(role)
    user = User.objects.get(email=email)
    page = with_role(AUDITOR).visit(f"{list_of('user')}?{urlencode({'q': term(user)})}").body.decode()
    assert f"{user.pk}/change/" in page
    assert page.count("/change/") < 20


@pytest.mark.parametrize("order", ["give_role", "take_role", "disable"])
def test_an_order_for_more_than_fit_does_nothing(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are marked one by one or all at once, and whether the question was skipped."""
    monkeypatch.setattr(pages_of_admin, "MOST_AT_ONCE", 2)
    operator = with_role(OPERATOR)
    users = [User.objects.get(email=new_user()) for _ in range(3)]
    operator.order("user", order, *(user.pk for user in users), role="clerk", confirmed="yes")
    assert "Nothing was done" in operator.said()
    assert {
        (user.is_active, tuple(user.roles)) for user in User.objects.filter(pk__in=[u.pk for u in users])
    } == {(True, ())}


def test_what_clients_were_allowed_is_seen_on_the_users_page_and_taken_back() -> None:
    """By the grant, with the consent; or all of a user's at once."""
    operator, person, email = with_role(OPERATOR), Browser(), new_user()
    person.sign_in(email)
    user = User.objects.get(email=email)
    page = f"{list_of('user')}{user.pk}/change/"
    assert '<div class="allowed">' not in operator.said(page)
    grafana = program(name="Graphs <b>", first_party=False, scopes=("openid", "reports"))
    decide(person, grafana.authorize(person, scope="openid reports"), "allow")
    tokens = [grafana.tokens(person, scope="openid reports") for _ in range(2)]
    wiki = program(name="Wiki")
    kept = wiki.tokens(person)
    shown = operator.said(page)
    assert "Graphs &lt;b&gt;" in shown
    assert "openid reports" in shown
    assert shown.count("remembered") == 1
    (grant, _) = OAuthGrant.objects.filter(client=grafana.client_id)
    assert str(grant.pk) in operator.said(f"{list_of('oauthgrant')}?q={email}")
    assert str(grant.pk) in operator.said(f"{list_of('oauthgrant')}?q=Graphs")
    assert "asked again" in operator.order("oauthgrant", "withdraw", grant.pk).body.decode()
    operator.order("oauthgrant", "withdraw", grant.pk, confirmed="yes")
    assert "Taken back: 1." in operator.said()
    assert not [one for one in tokens if grafana.is_active(one["access_token"])]
    assert Revocation.objects.filter(sid=grant.pk).exists()
    assert wiki.is_active(kept["access_token"])
    assert "Graphs" not in operator.said(page)
    assert grafana.authorize(person).body.decode().count("Allow") > 0, "they are asked again"
    operator.order("user", "withdraw", user.pk, confirmed="yes")
    assert not wiki.is_active(kept["access_token"])
    assert person.me().status == 200
    operator.order("user", "withdraw", user.pk, confirmed="yes")
    assert "has allowed no client anything" in operator.said()
    lines = Change.objects.filter(what="user.grants-withdrawn", whom=email).order_by("id")
    assert [(line.details["clients"], line.details["sessions"]) for line in lines] == [
        ([grafana.client_id], 2),
        ([wiki.client_id], 1),
    ]
