"""`/account/api-keys`: making, listing and revoking keys of one's own."""

from datetime import timedelta

import pytest
from django.utils import timezone

from pillion.identity import accounts, api_keys, limits
from pillion.identity.models import ApiKey, Revocation, Session
from tests.identity.browser import Answer, Browser, new_user, signed_in, signed_in_as
from tests.identity.mailed import mails_to
from tests.identity.test_api_keys import claims, exchange

PATH = "/account/api-keys"


def _make(browser: Browser, **fields: str) -> Answer:
    return browser.post_json(PATH, {"name": "backup", **fields})


def _long_ago(email: str) -> None:
    """Let the sign-in be ten minutes ago."""
    row = Session.objects.get(user__email=email)
    for record in row.data["account_authentication_methods"]:
        record["at"] -= 600
    row.save()


def test_a_key_is_made_shown_once_and_opens_what_its_owner_may() -> None:
    browser, email = signed_in_as()
    made = _make(browser, scope="orders:write orders:read", days="7")
    assert made.status == 201
    assert set(made.json()) == {"id", "key", "expires"}
    told = claims(exchange(made.json()["key"]))
    assert (told["email"], told["scope"]) == (email, "orders:read orders:write")
    listed = browser.ask("GET", PATH)
    [key] = listed.json()["api_keys"]
    assert (key["id"], key["name"]) == (made.json()["id"], "backup")
    assert key["used"] is not None
    assert made.json()["key"] not in listed.body.decode()
    lives = Session.objects.get(sid=key["id"]).expires_at - timezone.now()
    assert timedelta(days=6) < lives <= timedelta(days=7)


@pytest.mark.usefixtures("mail")
def test_its_owner_is_told_by_mail() -> None:
    browser, email = signed_in_as()
    key = _make(browser).json()["key"]
    [mail] = mails_to(email)
    assert "API key was made" in mail.text
    assert key[:8] not in mail.text


def test_a_person_sees_it_once_on_a_page() -> None:
    browser = signed_in()
    form = browser.visit(f"{PATH}/add").body.decode()
    assert '<option value="90" selected>' in form
    page = browser.post_form(PATH, {"name": "<b>backup</b>", "days": "30", "scope": ""})
    assert page.status == 200
    assert page["Cache-Control"] == "no-store"
    [row] = ApiKey.objects.filter(name="<b>backup</b>")
    assert row.hint in page.body.decode()
    assert "<b>backup" not in page.body.decode()
    later = browser.visit(PATH).body.decode()
    assert "never used" in later
    assert "&lt;b&gt;backup&lt;/b&gt;" in later
    assert len([word for word in later.split("<code>") if word.startswith("plk_")]) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scope": 'a"b'}, "scope"),
        ({"scope": " ".join(f"s{n}" for n in range(21))}, "scope"),
        ({"days": "0"}, "days"),
        ({"days": "367"}, "days"),
        ({"days": "-1"}, "days"),
        ({"days": "1.5"}, "days"),
        ({"days": "٣"}, "days"),
        ({"days": "9" * 5000}, "days"),
    ],
)
def test_what_cannot_be_is_said_by_field_and_the_form_keeps_what_was_typed(
    fields: dict[str, str], wrong: str
) -> None:
    browser, email = signed_in_as()
    answer = _make(browser, **fields)
    assert (answer.status, answer.code) == (400, "invalid-fields")
    assert set(answer.json()["errors"]) == {wrong}
    page = browser.post_form(PATH, {"name": "kept", "scope": "kept:too", "days": "30", **fields})
    assert page.status == 400
    assert f'id="{wrong}-error"' in page.body.decode()
    assert wrong == "name" or 'value="kept"' in page.body.decode()
    assert not api_keys.list_keys(email)


def test_only_who_has_proven_lately_who_they_are_makes_one() -> None:
    browser, email = signed_in_as()
    _long_ago(email)
    assert (_make(browser).status, _make(browser).code) == (403, "confirm-first")
    led = browser.post_form(PATH, {"name": "backup"})
    assert (led.status, led["Location"]) == (303, "/account/confirm?next=%2Faccount%2Fapi-keys")
    led = browser.visit(f"{PATH}/add")
    assert (led.status, led["Location"]) == (303, "/account/confirm?next=%2Faccount%2Fapi-keys%2Fadd")
    assert not api_keys.list_keys(email)
    assert browser.ask("GET", PATH).status == 200


def test_nobody_and_no_api_key_makes_one() -> None:
    assert _make(Browser()).status == 401
    assert Browser().visit(PATH)["Location"] == "/sign-in?next=%2Faccount%2Fapi-keys"
    key = _make(signed_in()).json()["key"]
    asked = Browser().ask("GET", PATH, authorization=f"Bearer {key}")
    assert asked.status == 401


def test_a_key_is_revoked_by_its_owner_alone() -> None:
    browser, stranger = signed_in(), signed_in()
    made = _make(browser).json()
    exchange(made["key"])
    refused = stranger.post_json(f"{PATH}/revoke", {"id": made["id"]})
    assert (refused.status, refused.code) == (404, "no-such-api-key")
    assert browser.post_json(f"{PATH}/revoke", {"id": made["id"]}).status == 204
    assert exchange(made["key"]).status == 401
    assert Revocation.objects.filter(sid=made["id"]).exists()
    assert browser.post_json(f"{PATH}/revoke", {"id": made["id"]}).status == 404
    assert browser.post_json(f"{PATH}/revoke", {"id": "none"}).status == 404
    assert browser.post_json(f"{PATH}/revoke", {}).status == 404


def test_a_person_who_revokes_one_stays_on_the_page() -> None:
    browser = signed_in()
    made = _make(browser).json()
    led = browser.post_form(f"{PATH}/revoke", {"id": made["id"]})
    assert (led.status, led["Location"]) == (303, PATH)


def test_nobody_has_more_than_they_can_tell_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 2)
    browser = signed_in()
    assert [_make(browser).status for _ in range(3)] == [201, 201, 409]


def test_the_account_of_another_has_none_of_them() -> None:
    other = new_user()
    api_keys.make(other, "theirs")
    assert signed_in().ask("GET", PATH).json() == {"api_keys": []}


def test_who_was_disabled_meanwhile_makes_none() -> None:
    browser, email = signed_in_as()
    accounts.set_active(email, active=False)
    assert _make(browser).status == 401


def test_who_makes_keys_without_end_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leaves lines that stay, and, revoked, one more on the list of every Envoy."""
    monkeypatch.setitem(limits.RATES, "session-per-account", limits.Rate(3, 3600))
    browser = signed_in()
    assert [_make(browser).status for _ in range(3)] == [201, 201, 429]
