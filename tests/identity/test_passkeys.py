"""Passkeys: adding them, signing in by one alone, as a second step, and what is not taken for one.

tests/system/test_second_factor_in_browser.py does with a real browser what one does.
"""

import json

import pytest
from allauth.mfa.models import Authenticator
from fido2.utils import websafe_decode, websafe_encode

from pillion.identity import accounts, limits, passkeys
from pillion.identity.models import Session
from tests.identity import soft_passkey
from tests.identity.browser import Browser, new_user, signed_in
from tests.identity.conftest import CONFIG
from tests.identity.half_way import STEP, at_once, claims
from tests.identity.soft_passkey import PASSKEYS, Passkey, add_passkey

CONFIRM = "/account/confirm"


def with_passkey() -> tuple[str, Passkey]:
    """Give a user who has a passkey."""
    email, browser = new_user(), Browser()
    browser.sign_in(email)
    passkey, answer = add_passkey(browser)
    assert answer.status == 201, answer.body
    return email, passkey


def test_a_passkey_alone_signs_in() -> None:
    """Two factors by itself, and no password."""
    email, passkey = with_passkey()
    browser = Browser()
    answer = soft_passkey.sign_in(browser, passkey)
    assert (answer.status, answer.json()["user"]["email"]) == (200, email)
    assert claims(browser)["amr"] == ["mfa", "pop"]
    assert browser.renew()["Authorization"] != ""
    row = Session.objects.get(sid=browser.me().json()["session"])
    assert (row.address, row.client_id) == ("192.0.2.1", "edge")


def test_a_passkey_is_a_second_step() -> None:
    """After the password."""
    email, passkey = with_passkey()
    browser = Browser()
    assert browser.sign_in(email).json()["second_factors"] == ["passkey", "recovery-code"]
    options = browser.post_json(f"{STEP}/options", {}).json()
    assert [one["id"] for one in options["publicKey"]["allowCredentials"]] == [websafe_encode(passkey.id)]
    assert options["publicKey"]["userVerification"] == "required"
    assert browser.post_json(STEP, {"credential": passkey.used(options)}).status == 200
    assert claims(browser)["amr"] == ["mfa", "pop", "pwd"]


def test_a_passkey_confirms() -> None:
    """And steps up a session that has shown a password alone."""
    email, browser = new_user(), Browser()
    browser.sign_in(email)
    old = Browser()
    old.sign_in(email)
    passkey, _ = add_passkey(browser)
    assert claims(browser)["amr"] == ["mfa", "pop", "pwd"]
    options = old.post_json(f"{CONFIRM}/options", {}).json()
    assert old.post_json(CONFIRM, {"credential": passkey.used(options)}).status == 200
    assert claims(old)["amr"] == ["mfa", "pop", "pwd"]


def test_what_a_browser_is_asked_to_make_is_a_passkey() -> None:
    """User-verified, kept by the authenticator, for our host; none that is there already."""
    browser = signed_in()
    passkey, _ = add_passkey(browser)
    asked = browser.post_json(f"{PASSKEYS}/options", {}).json()["publicKey"]
    assert asked["rp"] == {"id": "localhost", "name": "shop"}
    chosen = asked["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert [one["id"] for one in asked["excludeCredentials"]] == [websafe_encode(passkey.id)]
    assert len(websafe_decode(asked["challenge"])) >= 16


def test_an_answer_is_good_once_and_where_it_was_asked_for() -> None:
    """Replay: in the same browser, in another one, and by both at once."""
    _, passkey = with_passkey()
    browser, other = Browser(), Browser()
    credential = passkey.used(browser.post_json("/sign-in/passkey/options", {}).json())
    other.post_json("/sign-in/passkey/options", {})
    assert other.post_json("/sign-in/passkey", {"credential": credential}).code == "wrong-passkey"
    assert Browser().post_json("/sign-in/passkey", {"credential": credential}).code == "wrong-passkey"
    held = dict(browser.cookies)
    assert browser.post_json("/sign-in/passkey", {"credential": credential}).status == 200
    for again in (browser, Browser(cookies=held)):
        assert again.post_json("/sign-in/passkey", {"credential": credential}).status == 401


@pytest.mark.parametrize("path", ["/sign-in/passkey", STEP])
def test_an_answer_that_comes_twice_at_once_opens_one_session(path: str) -> None:
    """Whichever is quicker."""
    email, passkey = with_passkey()
    browser = Browser()
    if path == STEP:
        browser.sign_in(email)
    credential = passkey.used(browser.post_json(f"{path}/options", {}).json(), uses=0)
    before = Session.objects.filter(user__email=email, revoked_at=None).count()
    twins = [Browser(cookies=dict(browser.cookies)) for _ in range(4)]
    statuses = at_once(lambda twin: twin.post_json(path, {"credential": credential}), twins)
    first, *others = sorted(statuses)
    assert (first, set(others)) == (200, {401})
    assert Session.objects.filter(user__email=email, revoked_at=None).count() == before + 1


def test_who_is_signed_in_signs_in_as_another() -> None:
    """The session of before ends, and its answer is good no more."""
    email, passkey = with_passkey()
    browser = signed_in()
    before = Browser(cookies=dict(browser.cookies))
    answer = soft_passkey.sign_in(browser, passkey)
    assert (answer.status, browser.me().json()["email"]) == (200, email)
    assert before.me().status == 401
    assert before.renew()["Authorization"] == ""


def test_a_key_that_has_signed_less_often_than_before_is_a_copy() -> None:
    """WebAuthn, section 6.1.1; one that does not count is taken as it is."""
    _, passkey = with_passkey()
    assert soft_passkey.sign_in(Browser(), passkey, uses=7).status == 200
    for uses in (7, 3, 0):
        assert soft_passkey.sign_in(Browser(), passkey, uses=uses).status == 401
    assert soft_passkey.sign_in(Browser(), passkey, uses=8).status == 200
    _, other = with_passkey()
    assert [soft_passkey.sign_in(Browser(), other, uses=0).status for _ in range(2)] == [200, 200]


def test_one_persons_passkey_is_not_anothers_second_step() -> None:
    """Though both are good."""
    _, passkey = with_passkey()
    email, _ = with_passkey()
    browser = Browser()
    browser.sign_in(email)
    options = browser.post_json(f"{STEP}/options", {}).json()
    assert browser.post_json(STEP, {"credential": passkey.used(options)}).code == "wrong-passkey"


def test_a_passkey_that_names_another_user_signs_nobody_in() -> None:
    """The handle says whose it is, and the key must be theirs."""
    _, passkey = with_passkey()
    _, other = with_passkey()
    assert soft_passkey.sign_in(Browser(), passkey, user=other.user).code == "wrong-passkey"


def test_a_disabled_account_is_not_told_from_an_unknown_passkey() -> None:
    """And is let in again when it is enabled."""
    email, passkey = with_passkey()
    accounts.set_active(email, active=False)
    refused = soft_passkey.sign_in(Browser(), passkey)
    unknown = soft_passkey.sign_in(Browser(), Passkey(user=passkey.user))
    assert (refused.status, refused.body) == (401, unknown.body)
    accounts.set_active(email, active=True)
    assert soft_passkey.sign_in(Browser(), passkey).status == 200


def test_a_passkey_that_was_removed_is_good_no_more() -> None:
    """Of two, the other one is."""
    email, passkey = with_passkey()
    browser = Browser()
    soft_passkey.sign_in(browser, passkey)
    second, answer = add_passkey(browser, "phone")
    assert answer.status == 201
    listed = browser.ask("GET", "/account/security").json()["passkeys"]
    assert [one["name"] for one in listed] == ["laptop", "phone"]
    page = browser.visit(f"{PASSKEYS}/remove").body.decode()
    assert 'aria-label="Remove phone"' in page
    done = browser.post_form(f"{PASSKEYS}/remove", {"id": listed[0]["id"]})
    assert (done.status, done["Location"]) == (303, "/account/security")
    assert soft_passkey.sign_in(Browser(), passkey).status == 401
    assert soft_passkey.sign_in(Browser(), second).status == 200
    assert Authenticator.objects.filter(user__email=email).count() == 2


def test_nobody_removes_anothers_passkey() -> None:
    """404, and it is there as before."""
    email, passkey = with_passkey()
    number = Authenticator.objects.get(user__email=email, type="webauthn").pk
    browser = signed_in()
    assert browser.post_json(f"{PASSKEYS}/remove", {"id": str(number)}).status == 404
    assert soft_passkey.sign_in(Browser(), passkey).status == 200


def test_a_passkey_belongs_to_one_account() -> None:
    """WebAuthn, section 7.1, step 26: nobody claims another's."""
    _, passkey = with_passkey()
    browser = signed_in()
    options = browser.post_json(f"{PASSKEYS}/options", {}).json()
    answer = browser.post_json(PASSKEYS, {"name": "x", "credential": passkey.made(options)})
    assert answer.code == "wrong-passkey"


def test_what_is_kept_of_a_passkey_is_what_is_needed() -> None:
    """Whatever else a browser sends: the row does not grow."""
    browser = signed_in()
    email = browser.me().json()["email"]
    add_passkey(browser, "n" * 500, members={"more": "x" * 9000}, answer={"transports": ["x" * 9000]})
    data = Authenticator.objects.get(user__email=email, type="webauthn").data
    assert len(json.dumps(data)) < 2000
    assert data["name"] == "n" * 60


def test_there_is_an_end_to_passkeys() -> None:
    """409."""
    browser = signed_in()
    email = browser.me().json()["email"]
    add_passkey(browser)
    row = Authenticator.objects.get(user__email=email, type="webauthn")
    for _ in range(19):
        row.pk = None
        row.save()
    assert browser.post_json(f"{PASSKEYS}/options", {}).code == "too-many-passkeys"


def test_asking_for_passkeys_fills_no_table() -> None:
    """Each asking writes a visitor's session: so many from one address, and for a quarter of an hour."""
    old = dict(limits.RATES)  # sixty would take longer
    limits.RATES["passkey-per-address"] = limits.Rate(3, 300, by_network=True)
    try:
        statuses = [
            Browser("198.51.100.50").post_json("/sign-in/passkey/options", {}).status for _ in range(4)
        ]
        assert statuses == [200, 200, 200, 429]
    finally:
        limits.RATES.update(old)


@pytest.mark.parametrize(
    ("origin", "usable"),
    [
        ("https://shop.example", True),
        ("http://localhost:8080", True),
        ("http://shop.localhost", True),
        ("http://shop.example", False),
        ("http://127.0.0.1:8080", False),
        ("https://192.0.2.1", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_where_browsers_take_passkeys(origin: str, usable: bool) -> None:  # noqa: FBT001 - a table
    """Under a name, in a secure context; allauth's own check is off for localhost alone."""
    config = CONFIG.model_copy(update={"origin": origin})
    assert passkeys.usable(config) is usable
    assert passkeys.on_localhost(config) is (usable and origin.startswith("http://"))
