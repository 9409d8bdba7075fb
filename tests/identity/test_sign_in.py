"""Signing in and out: pages, forms, JSON, and what each answers."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY, perform_login
from allauth.account.models import Login
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.http import HttpRequest
from django.utils import timezone

from pillion.identity import accounts
from pillion.identity.flows import sign_in
from pillion.identity.models import Session, User
from pillion.identity.passwords import Argon2id
from pillion.identity.prepare import prepare
from tests.identity.browser import PASSWORD, Browser, new_email, new_user, signed_in
from tests.identity.conftest import CONFIG

WRONG = "wrong wrong wrong"


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every argon2 computation: making a hash, or checking one."""
    import argon2  # noqa: PLC0415

    made: list[str] = []
    make, check = argon2.low_level.hash_secret, argon2.PasswordHasher.verify

    def counted_make(*arguments: object, **named: object) -> bytes:
        made.append("make")
        return make(*arguments, **named)  # type: ignore[arg-type]

    def counted_check(*arguments: object, **named: object) -> bool:
        made.append("check")
        return check(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(argon2.low_level, "hash_secret", counted_make)
    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted_check)
    return made


def test_a_program_signs_in_with_json() -> None:
    """docs/interface.md, "At the edge"."""
    email = new_user("manager")
    answer = Browser().sign_in(email.upper())
    assert answer.status == 200
    user = answer.json()["user"]
    assert set(user) == {"sub", "email", "roles"}
    assert (user["email"], user["roles"]) == (email, ["manager"])


def test_a_program_signs_in_with_a_form() -> None:
    """As curl does."""
    answer = Browser().post_form(
        "/sign-in", {"email": new_user(), "password": PASSWORD}, accept="*/*", sec_fetch_mode="cors"
    )
    assert answer.status == 200
    assert answer["Content-Type"] == "application/json"


def test_a_person_signs_in_and_goes_on() -> None:
    """303, so that reloading posts nothing."""
    answer = Browser().post_form(
        "/sign-in", {"email": new_user(), "password": PASSWORD, "next": "/orders?a=b"}
    )
    assert (answer.status, answer["Location"]) == (303, "/orders?a=b")


def test_a_person_is_never_sent_to_another_origin() -> None:
    """An open redirect."""
    fields = {"email": new_user(), "password": PASSWORD, "next": "//evil.example"}
    assert Browser().post_form("/sign-in", fields)["Location"] == "/"
    assert b"evil" not in Browser().ask("GET", "/sign-in?next=//evil.example").body


def test_both_cookies_are_kept_from_scripts_and_other_sites() -> None:
    """And are small enough for browsers, with the most roles an account can have."""
    roles = [f"role{number:03d}" for number in range(100)]
    answer = Browser().sign_in(new_user(*roles))
    for name in ("pillion-session", "pillion-token"):
        line = answer.set_cookies[name]
        assert "HttpOnly" in line
        assert "SameSite=Lax" in line
        assert "Path=/" in line
        assert "Domain" not in line
        assert len(line) < 3072
    assert "Max-Age=300" in answer.set_cookies["pillion-token"]


def test_wrong_credentials_read_the_same_whether_the_account_exists_or_not() -> None:
    """No enumeration by words."""
    disabled, unusable = new_user(), new_user()
    accounts.set_active(disabled, active=False)
    user = User.objects.get(email=unusable)
    user.set_unusable_password()
    user.save()
    answers = [
        Browser().sign_in(new_user(), WRONG),
        Browser().sign_in(new_email(), WRONG),
        Browser().sign_in(disabled, WRONG),
        Browser().sign_in(disabled, PASSWORD),
        Browser().sign_in(unusable, PASSWORD),
        Browser().sign_in("not an address", PASSWORD),
        Browser().sign_in("x" * 300 + "@example.org", PASSWORD),
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert len({tuple(name for name, _ in answer.headers) for answer in answers}) == 1


def test_wrong_credentials_cost_one_hash_whether_the_account_exists_or_not(hashes: list[str]) -> None:
    """No enumeration by time: argon2 is nearly all of it."""
    disabled, unusable, there = new_user(), new_user(), new_user()
    accounts.set_active(disabled, active=False)
    user = User.objects.get(email=unusable)
    user.set_unusable_password()
    user.save()
    tries = [there, new_email(), disabled, unusable, "not an address", "x" * 300 + "@example.org"]
    counts = []
    for email in tries:
        hashes.clear()
        assert Browser().sign_in(email, WRONG).status == 401
        counts.append(len(hashes))
    hashes.clear()
    assert Browser().sign_in(disabled, PASSWORD).status == 401
    counts.append(len(hashes))
    assert counts == [1] * len(counts)


def test_a_person_sees_what_was_wrong_beside_the_form() -> None:
    """With the address kept and the password not."""
    answer = Browser().post_form("/sign-in", {"email": '"><b>@x', "password": WRONG, "next": "/a"})
    page = answer.body.decode()
    assert answer.status == 401
    assert 'role="alert"' in page
    assert 'aria-describedby="problem"' in page
    assert "&quot;&gt;&lt;b&gt;@x" in page
    assert WRONG not in page
    assert 'value="/a"' in page


def test_signing_in_again_ends_the_session_before() -> None:
    """No fixation: a new key and a new sid, whoever it was."""
    email = new_user()
    browser = Browser()
    browser.sign_in(email)
    before, first = dict(browser.cookies), browser.me().json()["session"]
    browser.sign_in(email)
    assert browser.cookies["pillion-session"] != before["pillion-session"]
    assert browser.me().json()["session"] != first
    assert Browser(cookies=before).renew()["Authorization"] == ""
    assert Session.objects.get(sid=first).revoked_at is not None


def test_a_planted_session_key_is_not_taken_over() -> None:
    """The server chooses the key."""
    planted = "A" * 43
    browser = Browser(cookies={"pillion-session": planted})
    browser.sign_in(new_user())
    assert browser.cookies["pillion-session"] != planted


def test_looking_at_a_page_writes_no_session() -> None:
    """Nobody fills the table by looking."""
    before = Session.objects.count()
    for path in ("/sign-in", "/sign-up", "/account/", "/me", "/nothing"):
        answer = Browser().ask("GET", path, accept="text/html")
        assert "pillion-session" not in answer.set_cookies
    Browser().sign_in(new_email(), WRONG)
    assert Session.objects.count() == before


def test_the_table_does_not_hold_what_the_cookie_holds() -> None:
    """A copy of the database lets nobody in."""
    browser = signed_in()
    row = Session.objects.get(sid=browser.me().json()["session"])
    assert browser.cookies["pillion-session"] not in str(vars(row))
    assert (row.amr, row.client_id, row.address) == (["pwd"], "edge", "192.0.2.1")


def test_signing_out_ends_the_session_and_deletes_the_cookies() -> None:
    """204 to a program; its token, though not expired, is refused by /me."""
    browser = signed_in()
    kept = Browser(cookies=dict(browser.cookies))
    sid = browser.me().json()["session"]
    answer = browser.ask("POST", "/sign-out")
    assert answer.status == 204
    assert browser.cookies == {}
    assert Session.objects.get(sid=sid).revoked_at is not None
    assert Session.objects.get(sid=sid).data == {}
    assert kept.me().status == 401
    assert kept.renew()["Authorization"] == ""


def test_a_program_signs_out_with_its_token() -> None:
    """The session that the token speaks of is revoked; what is no good token is told so."""
    browser = signed_in()
    program, token = Browser(), browser.cookies["pillion-token"]
    assert program.ask("POST", "/sign-out", authorization=f"Bearer {token}").status == 204
    assert browser.me().status == 401
    assert browser.renew()["Authorization"] == ""
    for bad in ("Bearer nonsense", "Basic YTpi", f"Bearer {token[:-4]}AAAA"):
        assert program.ask("POST", "/sign-out", authorization=bad).status == 401


def test_a_browser_that_holds_the_tokens_cookie_alone_signs_out_too() -> None:
    """Its session's cookie may have been lost; a stale token's cookie is only deleted."""
    browser = signed_in()
    other = Browser(cookies={"pillion-token": browser.cookies["pillion-token"]})
    assert other.ask("POST", "/sign-out").status == 204
    assert browser.me().status == 401
    assert Browser(cookies={"pillion-token": "stale"}).ask("POST", "/sign-out").status == 204


def test_signing_out_ends_each_session_whose_cookie_comes_along() -> None:
    """Of two, one may have been planted; which of them Django would take is nobody's guess."""
    one, two = signed_in(), signed_in()
    both = (
        f"pillion-session={one.cookies['pillion-session']}; pillion-session={two.cookies['pillion-session']}"
    )
    assert Browser().ask("POST", "/sign-out", cookie=both).status == 204
    assert one.renew()["Authorization"] == two.renew()["Authorization"] == ""


def test_sessions_long_dead_are_forgotten() -> None:
    """When identity is next prepared: two weeks after the end, when nobody needs to be told any more."""
    gone, kept = (signed_in().me().json()["session"] for _ in range(2))
    now = timezone.now()
    Session.objects.filter(sid=gone).update(expires_at=now - timedelta(days=15))
    Session.objects.filter(sid=kept).update(expires_at=now - timedelta(days=13))
    prepare(CONFIG)
    assert [str(row.sid) for row in Session.objects.filter(sid__in=[gone, kept])] == [kept]


def test_signing_out_twice_or_as_nobody_is_the_same() -> None:
    """Idempotent; the time of the first is kept."""
    browser = signed_in()
    again = Browser(cookies=dict(browser.cookies))
    sid = browser.me().json()["session"]
    browser.ask("POST", "/sign-out")
    first = Session.objects.get(sid=sid).revoked_at
    answer = again.ask("POST", "/sign-out")
    assert answer.status == 204
    assert set(answer.set_cookies) == {"pillion-session", "pillion-token"}
    assert Session.objects.get(sid=sid).revoked_at == first
    assert Browser().ask("POST", "/sign-out").status == 204


def test_a_person_who_signs_out_sees_the_sign_in_page() -> None:
    """303."""
    answer = signed_in().post_form("/sign-out", {})
    assert (answer.status, answer["Location"]) == (303, "/sign-in")


def test_a_hash_of_other_strength_is_made_anew_and_ends_no_session() -> None:
    """Django's own session check would end all others here."""
    email = new_user()
    user = User.objects.get(email=email)
    other = Argon2id()
    other.memory_cost = 512
    user.password = other.encode(PASSWORD, "saltsaltsaltsalt")
    user.save()
    first, second = Browser(), Browser()
    assert first.sign_in(email).status == 200
    user.password = other.encode(PASSWORD, "saltsaltsaltsalt")
    user.save()
    assert second.sign_in(email).status == 200
    assert "$argon2id$v=19$m=1024,t=1,p=1$" in User.objects.get(email=email).password
    assert first.ask("GET", "/account/", accept="text/html").status == 200


def _hash_of(salt: str, **costs: int) -> str:
    hasher = Argon2id()
    vars(hasher).update(costs)
    return hasher.encode(PASSWORD, salt)


@pytest.mark.parametrize(
    ("hashed", "anew"),
    [
        (_hash_of("s" * 22), False),
        (_hash_of("s" * 23), False),
        (_hash_of("short salt"), True),
        (_hash_of("s" * 22, time_cost=3), True),
        (_hash_of("s" * 22, memory_cost=2048), True),
        (_hash_of("s" * 22, parallelism=2), True),
        (_hash_of("s" * 22).replace("v=19", "v=16"), True),
        (_hash_of("s" * 22).replace("argon2id", "argon2i"), True),
    ],
)
def test_which_hash_is_made_anew_is_djangos_answer(hashed: str, *, anew: bool) -> None:
    """Ours is found quicker."""
    assert Argon2id().must_update(hashed) == anew == Argon2PasswordHasher.must_update(Argon2id(), hashed)


def test_the_account_page_shows_who_one_is() -> None:
    """And leads a stranger to the sign-in page."""
    page = signed_in("manager").ask("GET", "/account/", accept="text/html").body.decode()
    assert "@example.org" in page
    assert "manager" in page
    assert 'action="/sign-out"' in page
    stranger = Browser().ask("GET", "/account/", accept="text/html")
    assert (stranger.status, stranger["Location"]) == (303, "/sign-in?next=%2Faccount%2F")


def test_a_session_is_what_allauths_flow_would_have_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no second factor does not go through it: see `flows.sign_in`."""
    email = new_user()

    def signed_in_anew() -> dict[str, Any]:
        """Give the columns of the session that are not of the moment, and of its data what is not."""
        assert Browser().sign_in(email).status == 200
        row: dict[str, Any] = dict(
            Session.objects.filter(user__email=email).order_by("-created_at").values()[0]
        )
        (record,) = row["data"][AUTHENTICATION_METHODS_SESSION_KEY]
        now = row["created_at"]
        assert record.pop("at") == pytest.approx(now.timestamp(), abs=5)
        assert User.objects.get(email=email).last_login == pytest.approx(now, abs=timedelta(seconds=5))
        for moment in (
            "auth_time",
            "created_at",
            "expires_at",
            "last_used_at",
            "tokens_until",
            "sid",
            "key_hash",
        ):
            assert row.pop(moment)
        return row

    ours = signed_in_anew()
    entered: list[bool] = []

    def enter(request: HttpRequest, user: User) -> None:
        entered.append(True)
        perform_login(request, Login(user=user))

    monkeypatch.setattr(sign_in, "enter", enter)
    theirs = signed_in_anew()
    assert entered
    assert ours == theirs
