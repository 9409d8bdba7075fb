"""Signing in by an identity provider: the account that is made, the session, and who is not let in."""

import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken

from pillion.identity import accounts
from pillion.identity.models import Session, User
from tests.identity.authenticator_app import user_with_app
from tests.identity.browser import Answer, Browser, new_email, new_user, signed_in_as
from tests.identity.provider_site import (
    CLIENT,
    SECRET,
    Site,
    asking,
    begin,
    come_back,
    new_person,
    provider,
    serving,
    sign_in,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site()) as site, asking(provider(site, title="Example Inc.")):
        yield site


def test_the_first_time_makes_an_account_and_the_next_time_finds_it(site: Site) -> None:
    person, browser = new_person(), Browser()
    answer = sign_in(browser, site, person, "/orders?page=2")
    assert (answer.status, answer["Location"]) == (303, "/orders?page=2")
    me = browser.me().json()
    assert (me["email"], me["email_verified"]) == (person["email"], True)
    assert browser.renew()["Authorization"]
    user = User.objects.get(email=person["email"])
    assert not user.has_usable_password()
    assert user.roles == []
    again = Browser()
    assert sign_in(again, site, person).status == 303
    assert again.me().json()["sub"] == me["sub"] == str(user.id)
    link = SocialAccount.objects.get(user=user)
    assert (link.provider, link.uid) == (site.url, person["sub"])
    assert not SocialToken.objects.exists()


def test_the_longest_sub_is_somebodys_own(site: Site) -> None:
    """Longer than the table's column, and so kept as its hash; which is nobody's `sub`."""
    person = new_person(sub="x" * 254 + "1")
    for _ in range(2):
        assert sign_in(Browser(), site, person).status == 303
    link = SocialAccount.objects.get(user__email=person["email"])
    for other in ("x" * 254 + "2", link.uid):
        browser = Browser()
        assert sign_in(browser, site, new_person(sub=other)).status == 303
        assert browser.me().json()["email"] != person["email"]


def test_the_provider_is_asked_as_it_should_be(site: Site) -> None:
    browser = Browser()
    answer = browser.post_form("/sign-in/with/okta", {"next": "/"})
    where, _, query = answer["Location"].partition("?")
    assert where == f"{site.url}/auth"
    asked = dict(pair.split("=") for pair in query.split("&"))
    assert asked["response_type"] == "code"
    assert asked["client_id"] == CLIENT
    assert asked["redirect_uri"] == "http%3A%2F%2Flocalhost%3A8080%2Fsign-in%2Fwith%2Fokta%2Fcallback"
    assert asked["scope"] == "openid%20email"
    assert asked["code_challenge_method"] == "S256"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    assert SECRET not in answer["Location"]


def test_a_program_is_told_where_to_send_its_user(site: Site) -> None:
    answer = Browser().post_json("/sign-in/with/okta", {"next": "/"})
    assert answer.json()["location"].startswith(f"{site.url}/auth?")


def test_the_buttons_are_on_the_pages(site: Site) -> None:  # noqa: ARG001 - it is configured
    for page in ("/sign-in?next=/a", "/sign-up?next=/a"):
        body = Browser().visit(page).body.decode()
        assert '<form method="post" action="/sign-in/with/okta">' in body
        assert "Continue with Example Inc." in body


def test_only_a_post_of_our_own_page_begins(site: Site) -> None:  # noqa: ARG001
    """Another site cannot sign a visitor in as somebody else (login CSRF)."""
    browser = Browser()
    assert browser.visit("/sign-in/with/okta").status == 405
    answer = browser.post_form("/sign-in/with/okta", {}, sec_fetch_site="cross-site")
    assert answer.status == 403
    assert browser.cookies == {}


def test_an_unknown_provider_is_not_found(site: Site) -> None:  # noqa: ARG001
    assert Browser().post_json("/sign-in/with/other", {}).code == "no-such-provider"
    assert Browser().ask("GET", "/sign-in/with/other/callback?state=x&code=y").code == "no-such-provider"


def test_next_is_a_path_of_ours(site: Site) -> None:
    assert sign_in(Browser(), site, new_person(), "https://evil.example/")["Location"] == "/"


def test_the_session_is_a_new_one_and_says_how_and_when(site: Site) -> None:
    browser = Browser()
    there = begin(browser, site)
    before = browser.cookies["pillion-session"]
    proven = int(time.time()) - 3600
    come_back(browser, site, site.allow(there, new_person(auth_time=proven)))
    assert browser.cookies["pillion-session"] != before
    claims = browser.claims()
    assert (claims["amr"], claims["auth_time"]) == (["fed"], proven)
    row = Session.objects.get(sid=claims["sid"])
    assert (row.amr, row.address) == (["fed"], browser.address)
    assert browser.post_json("/sign-out", {}).status == 204
    assert not browser.ask("GET", "/-/renewal/", x_pillion_session=before)["Authorization"]


def test_who_was_signed_in_here_before_is_signed_out(site: Site) -> None:
    browser, _ = signed_in_as()
    before = browser.claims()["sid"]
    assert sign_in(browser, site, new_person()).status == 303
    assert Session.objects.get(sid=before).revoked_at is not None


def test_a_second_factor_is_asked_for(site: Site) -> None:
    email, app = user_with_app()
    again, person = Browser(), new_person(email=email)
    answer = sign_in(again, site, person, "/orders")
    assert (answer.status, answer["Location"]) == (303, "/sign-in/second-factor?next=%2Forders")
    assert "pillion-token" not in again.cookies
    assert not again.renew()["Authorization"]
    done = again.post_form("/sign-in/second-factor", {"code": app.code(), "next": "/orders"})
    assert (done.status, done["Location"]) == (303, "/orders")
    assert again.claims()["amr"] == ["fed", "mfa", "otp"]


def test_who_is_disabled_is_told_so_and_not_let_in(site: Site) -> None:
    person = new_person()
    sign_in(Browser(), site, person)
    accounts.set_active(person["email"], active=False)
    browser = Browser()
    answer = sign_in(browser, site, person)
    assert answer.status == 403
    assert b"Your account is disabled" in answer.body
    assert "pillion-token" not in browser.cookies


def test_where_sign_up_is_closed_only_accounts_that_there_are_are_signed_in_to(site: Site) -> None:
    email, stranger = new_user(), new_person()
    with asking(provider(site), sign_up="closed"):
        assert sign_in(Browser(), site, new_person(email=email)).status == 303
        refused = [
            sign_in(Browser(), site, stranger),
            sign_in(Browser(), site, new_person(email=new_user(), email_verified=False)),
        ]
    assert [answer.status for answer in refused] == [403, 403]
    assert refused[0].body == refused[1].body  # says nothing of whether there is an account
    assert not User.objects.filter(email=stranger["email"]).exists()


@pytest.mark.parametrize("email", [None, "", "nobody", 7, ["a@example.org"], f"{'a' * 250}@example.org"])
def test_without_an_address_there_is_no_account(site: Site, email: object) -> None:
    answer = sign_in(Browser(), site, new_person(email=email))
    assert answer.status == 403
    assert b"did not tell your email address" in answer.body


def test_what_the_id_token_leaves_out_is_asked_for(site: Site) -> None:
    """Some providers tell addresses at their userinfo endpoint alone."""
    person, browser = new_person(), Browser()
    site.userinfo = {**person, "name": "Ada"}
    assert sign_in(browser, site, {"sub": person["sub"]}).status == 303
    assert browser.me().json()["email"] == person["email"]
    (asked,) = (one for one in site.asked if one.path == "/me")
    assert asked.headers["authorization"].startswith("Bearer token-")


def test_two_who_come_at_once_get_one_account(site: Site) -> None:
    """Both are in before either makes it: the second finds what the first has made."""
    person, answers = new_person(), []
    browsers = [Browser() for _ in range(4)]
    given = [site.allow(begin(browser, site), person) for browser in browsers]

    def come(browser: Browser, answer: dict[str, str]) -> None:
        answers.append(come_back(browser, site, answer).status)

    threads = [threading.Thread(target=come, args=pair) for pair in zip(browsers, given, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [303] * 4
    assert User.objects.filter(email=person["email"]).count() == 1
    assert SocialAccount.objects.filter(uid=person["sub"]).count() == 1


def test_too_many_visits_are_429(site: Site) -> None:  # noqa: ARG001
    browser = Browser(address="192.0.2.77")
    statuses = [browser.post_form("/sign-in/with/okta", {}).status for _ in range(62)]
    assert statuses == [303] * 60 + [429] * 2


def test_an_address_of_other_case_is_the_same(site: Site) -> None:
    email = new_email()
    accounts.add_user(email, "correct horse battery staple")
    browser = Browser()
    assert sign_in(browser, site, new_person(email=email.upper())).status == 303
    assert browser.me().json()["email"] == email


def test_a_visitors_cookie_lives_as_long_as_what_it_is_of(site: Site) -> None:
    def seconds(answer: Answer) -> int:
        return int(answer.set_cookies["pillion-session"].partition("Max-Age=")[2].partition(";")[0])

    browser = Browser()
    left = browser.post_form("/sign-in/with/okta", {"next": "/"})
    assert 0 < seconds(left) <= 15 * 60
    back = come_back(browser, site, site.allow(left["Location"], new_person()))
    assert 13 * 24 * 3600 < seconds(back) <= 14 * 24 * 3600


def test_who_only_asks_what_an_answer_would_be_signs_nobody_in(site: Site) -> None:
    browser = Browser()
    left = browser.post_form("/sign-in/with/okta", {"next": "/"})
    answer = urlencode(site.allow(left["Location"], new_person()))
    asked = browser.ask("HEAD", f"{site.callback}?{answer}", accept="text/html")
    assert (asked.status, asked["Allow"]) == (405, "GET")
    assert browser.ask("GET", f"{site.callback}?{answer}", accept="text/html").status == 303


@pytest.mark.parametrize("path", ["/oauth2/authorize", "/oauth2/logout"])
def test_nor_does_anything_else_by_which_a_browser_comes_along(path: str) -> None:
    asked = Browser().ask("HEAD", path)
    assert (asked.status, asked["Allow"]) == (405, "GET, POST")
