"""The admin: who gets in, and what none of its pages shows or does."""

import re
from urllib.parse import urlencode

import pytest

from tests.identity.browser import Browser, new_user, signed_in  # isort: skip - sets Django up
from django.urls import NoReverseMatch, reverse

from pillion.identity import api_keys
from pillion.identity.models import Change, OAuthClient, Session, User
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import Wanted
from tests.identity.operators import AUDITOR, HOME, MODELS, OPERATOR, list_of, with_role


def grow_old(browser: Browser) -> None:
    """Let ten minutes pass since the sign-in."""
    row = Session.objects.get(sid=browser.claims()["sid"])
    for record in row.data["account_authentication_methods"]:
        record["at"] -= 600
    row.save()


def pages() -> list[str]:
    return [HOME, *map(list_of, MODELS)]


@pytest.mark.parametrize("page", pages())
def test_who_gets_in(page: str) -> None:
    assert Browser().visit(page)["Location"].startswith("/sign-in?next=%2Fpillion%2Fadmin%2F")
    assert signed_in("manager").visit(page).status == 404
    assert with_role(OPERATOR, mfa=False).visit(page)["Location"].startswith("/account/step-up?next=")
    for role in (OPERATOR, AUDITOR):
        answer = with_role(role).visit(page)
        assert answer.status == 200
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"].find("no-store") >= 0


def test_neither_a_token_nor_an_api_key_opens_it() -> None:
    email = new_user(OPERATOR)
    key = api_keys.make(email, "backup").secret
    browser = with_role(OPERATOR)
    for bearer in (key, browser.cookies["pillion-token"]):
        answer = Browser().ask("GET", HOME, authorization=f"Bearer {bearer}", accept="text/html")
        assert answer["Location"].startswith("/sign-in")


def test_what_changes_something_asks_for_more() -> None:
    """The role, the origin, Django's own proof, and a sign-in of the last minutes."""
    user = User.objects.get(email=new_user())
    auditor, operator = with_role(AUDITOR), with_role(OPERATOR)
    assert auditor.order("user", "disable", user.pk, confirmed="yes").status == 403
    assert "disable" not in auditor.said(list_of("user"))
    fields = [("action", "disable"), ("index", "0"), ("_selected_action", str(user.pk)), ("confirmed", "yes")]
    assert operator.post(list_of("user"), fields).status == 403
    proof = [("csrfmiddlewaretoken", operator.proof(list_of("user")))]
    assert operator.post(list_of("user"), proof + fields, sec_fetch_site="cross-site").status == 403
    assert operator.post(list_of("user"), proof + fields, origin="http://localhost:5173").status == 403
    grow_old(operator)
    led = operator.post(list_of("user"), proof + fields)
    assert led["Location"] == "/account/confirm?next=%2Fpillion%2Fadmin%2Fidentity%2Fuser%2F"
    user.refresh_from_db()
    assert user.is_active


@pytest.mark.parametrize(
    "name", ["login", "logout", "password_change", "autocomplete", "identity_user_delete"]
)
def test_what_django_has_and_we_have_not_is_not_there(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:{name}")


def test_the_record_is_read_and_nothing_else() -> None:
    operator, email = with_role(OPERATOR), new_user("manager")
    line = Change.objects.get(what="user.added", whom=email)
    assert email in operator.visit(f"{list_of('change')}?q={email}").body.decode()
    assert operator.visit(f"{list_of('change')}{line.pk}/change/").status == 200
    proof = [("csrfmiddlewaretoken", operator.proof(list_of("user")))]
    for page in (list_of("change"), f"{list_of('change')}{line.pk}/change/"):
        operator.post(
            page,
            [*proof, ("actor", "nobody"), ("action", "delete_selected"), ("_selected_action", str(line.pk))],
        )
    assert operator.visit(f"{list_of('change')}{line.pk}/delete/").status in {302, 404}
    line.refresh_from_db()
    assert line.whom == email


def test_no_page_shows_a_hash_or_a_seed() -> None:
    operator, email = with_role(OPERATOR), new_user()
    key = api_keys.make(email, "backup")
    client, _ = client_care.add(Wanted("report"))
    user = User.objects.get(email=email)
    row = Session.objects.get(sid=key.id)
    hidden = [
        user.password,
        row.key_hash,
        OAuthClient.objects.get(pk=client.client_id).secret_hash,
        key.secret,
    ]
    for model, pk in (
        ("user", user.pk),
        ("session", key.id),
        ("apikey", key.id),
        ("oauthclient", client.client_id),
    ):
        shown = operator.visit(f"{list_of(model)}{pk}/change/")
        assert shown.status == 200
        assert not [one for one in hidden if one in shown.body.decode()]


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("user", "password__startswith"),
        ("user", "sessions__key_hash__startswith"),
        ("session", "key_hash__startswith"),
        ("session", "user__password__startswith"),
        ("apikey", "session__key_hash__startswith"),
        ("oauthclient", "secret_hash__startswith"),
        ("signingkey", "private_key__startswith"),
    ],
)
def test_no_list_can_be_asked_for_a_secret_letter_by_letter(model: str, lookup: str) -> None:
    assert with_role(AUDITOR).visit(f"{list_of(model)}?{lookup}=a").status in {302, 400}
    assert with_role(AUDITOR).visit(f"{list_of(model)}?o=1&q=&{lookup}=a").status in {302, 400}


ODD = [
    "\0",
    "%",
    "'",
    '"',
    "<script>",
    "\u202e",
    "x" * 3000,
    "-1",
    "[]",
    "{}",
    "2026-13-45",
    "éא",
    "../..",
    "=1+1",
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_questions_get_an_answer(odd: str) -> None:
    operator = with_role(OPERATOR)
    for model in MODELS:
        page = list_of(model)
        for name in (
            "q",
            "o",
            "p",
            "e",
            "is_active__exact",
            "which",
            "at__gte",
            "what",
            "id__exact",
            "password",
            "_facets",
        ):
            assert operator.visit(f"{page}?{urlencode({name: odd})}").status < 500, (page, name)
        assert operator.visit(f"{page}{urlencode({'': odd})[1:]}/change/").status < 500
        assert operator.order(model, odd, odd, role=odd, confirmed=odd).status < 500


def test_times_are_written_as_in_logs() -> None:
    page = with_role(OPERATOR).said(list_of("user"))
    assert re.search(r">20\d\d-\d\d-\d\d \d\d:\d\d<", page)
