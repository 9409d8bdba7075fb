"""The admin: who gets in, what each order does, and that it does nothing else."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from tests.identity.browser import Answer, Browser, new_email, new_user, signed_in  # isort: skip - sets Django up
from django.urls import NoReverseMatch, reverse

from pillion.identity import accounts, acknowledged, api_keys
from pillion.identity.acknowledged import Laggard, Spread
from pillion.identity.admin import page as pages_of_admin
from pillion.identity.admin.site import PAGES
from pillion.identity.models import Change, OAuthClient, Revocation, Session, SigningKey, User
from pillion.identity.oauth import client_care
from tests.identity.browser import PASSWORD
from tests.identity.program import CALLBACK

HOME = "/pillion/admin/"
MODELS = [model.__name__.lower() for model, _ in PAGES]
OPERATOR, AUDITOR = "pillion-operator", "pillion-auditor"


def list_of(model: str) -> str:
    app = "socialaccount" if model == "socialaccount" else "identity"
    return f"{HOME}{app}/{model}/"


class Operator(Browser):
    """A browser that gives orders in the admin, as its pages do."""

    def order(self, model: str, order: str, *rows: object, **more: str) -> Answer:
        """Mark rows of a list, give an order, and answer the question if there is one."""
        page = list_of(model)
        fields = [("csrfmiddlewaretoken", self.proof(page)), ("action", order), ("index", "0")]
        fields += [("_selected_action", str(row)) for row in rows] + list(more.items())
        return self.post(page, fields)

    def proof(self, page: str) -> str:
        """Give what Django's forms carry."""
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.visit(page).body.decode())
        return found[1] if found else ""

    def post(self, page: str, fields: list[tuple[str, str]], **headers: str) -> Answer:
        """Post a form in which a name may stand several times."""
        usual = {"accept": "text/html", "sec_fetch_mode": "navigate", "sec_fetch_site": "same-origin"}
        form = "application/x-www-form-urlencoded"
        return self.ask("POST", page, urlencode(fields).encode(), content_type=form, **{**usual, **headers})

    def said(self, page: str = HOME) -> str:
        """Read what the last order led to."""
        return self.visit(page).body.decode()


def with_role(*roles: str, mfa: bool = True) -> Operator:
    """Give the browser of somebody who has just signed in, with a second factor unless told otherwise."""
    browser = Operator()
    email = new_user(*roles)
    assert browser.sign_in(email).status == 200
    if mfa:
        row = Session.objects.get(user__email=email)
        methods = row.data["account_authentication_methods"]
        methods.append({"method": "mfa", "type": "totp", "id": 0, "at": methods[0]["at"]})
        row.amr = ["mfa", "otp", "pwd"]
        row.save()
    return browser


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


def test_sessions_and_api_keys_are_found_and_revoked() -> None:
    operator, person, email = with_role(OPERATOR), Browser(), new_user()
    person.sign_in(email)
    sid = person.claims()["sid"]
    for term in (email, sid, person.claims()["sub"]):
        assert sid in operator.visit(f"{list_of('session')}?{urlencode({'q': term})}").body.decode()
    assert operator.order("session", "revoke", sid, confirmed="yes").status == 302
    assert person.me().status == 401
    assert Revocation.objects.filter(sid=sid).exists()
    assert sid not in operator.visit(f"{list_of('session')}?q={email}").body.decode()
    assert "revoked" in operator.visit(f"{list_of('session')}?q={email}&which=all").body.decode()
    key = api_keys.make(email, "a backup of theirs")
    assert "a backup of theirs" in operator.visit(f"{list_of('apikey')}?q={key.secret}").body.decode()
    assert operator.order("apikey", "revoke", key.id, confirmed="yes").status == 302
    assert not api_keys.list_keys(email)


def test_a_client_is_registered_its_secret_is_shown_once_and_it_is_removed() -> None:
    operator = with_role(OPERATOR)
    page = f"{list_of('oauthclient')}add/"
    fields = [
        ("name", "grafana of a test"),
        ("redirect_uris", CALLBACK),
        ("csrfmiddlewaretoken", operator.proof(page)),
    ]
    shown = operator.post(page, fields).body.decode()
    client = OAuthClient.objects.get(name="grafana of a test")
    assert client.client_id in shown
    found = re.findall(r"<code>([\w-]{43})</code>", shown)
    assert client.check_client_secret(found[0])
    assert operator.order("oauthclient", "new_secret", client.pk).body.decode().count("no more") == 1
    another = operator.order("oauthclient", "new_secret", client.pk, confirmed="yes").body.decode()
    client.refresh_from_db()
    assert client.check_client_secret(re.findall(r"<code>([\w-]{43})</code>", another)[0])
    assert not client.check_client_secret(found[0])
    operator.order("oauthclient", "remove", client.pk, confirmed="yes")
    assert not OAuthClient.objects.filter(pk=client.pk).exists()
    bad = operator.post(page, [("name", "x"), ("redirect_uris", "javascript:1"), fields[2]]).body.decode()
    assert "--redirect-uri" in bad
    assert not OAuthClient.objects.filter(name="x").exists()


def test_the_key_that_signs_is_rotated_unless_an_envoy_lags(
    as_before: None,  # noqa: ARG001 - the keys are the others', too
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The edge would give up before the thirty seconds that the command waits."""
    operator = with_role(OPERATOR)
    kid = SigningKey.objects.get(state="signing").kid
    lagging = Spread(2, 1, 0, (Laggard("orders", "sidecar", "has not acknowledged"),), 0.0, 1, 0)
    with monkeypatch.context() as patched:
        waited: list[float] = []

        def wait(_: object, patience: float) -> Spread:
            waited.append(patience)
            return lagging

        patched.setattr(acknowledged, "wait", wait)
        operator.order("signingkey", "rotate", kid, confirmed="yes")
        assert waited == [5.0]
    assert "not every Envoy has acknowledged the new key (orders)" in operator.said()
    assert SigningKey.objects.get(state="signing").kid == kid
    operator.order("signingkey", "rotate", kid, confirmed="yes")
    assert SigningKey.objects.get(kid=kid).state == "retired"


def test_a_key_is_revoked_and_another_signs(as_before: None) -> None:  # noqa: ARG001 - the keys are the others', too
    operator = with_role(OPERATOR)
    kid = SigningKey.objects.get(state="signing").kid
    assert "Every Envoy refuses" in operator.order("signingkey", "revoke", kid).body.decode()
    operator.order("signingkey", "revoke", kid, confirmed="yes")
    assert SigningKey.objects.get(kid=kid).state == "gone"
    assert SigningKey.objects.filter(state="signing").exclude(kid=kid).count() == 1
    assert "BEGIN" not in operator.said(f"{list_of('signingkey')}{kid}/change/")


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
    client, _ = client_care.add(client_care.Wanted("report"))
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


def test_who_revokes_several_sessions_keeps_their_own_and_reads_what_was_done() -> None:
    operator, person = with_role(OPERATOR), signed_in()
    operator.order("session", "revoke", operator.claims()["sid"], person.claims()["sid"], confirmed="yes")
    said = operator.said()
    assert "Revoked: 1." in said
    assert "sign out instead" in said
    assert person.me().status == 401
