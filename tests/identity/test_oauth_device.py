"""The device grant: a program without a browser, and somebody who allows it with theirs."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from tests.identity.browser import Answer, Browser, signed_in  # isort: skip - sets Django up
from pillion.identity import limits
from pillion.identity.models import OAuthDeviceCode
from pillion.identity.oauth import client_care
from pillion.identity.oauth.client_metadata import Wanted
from tests.identity.program import Program, claims, program
from tests.identity.test_oauth_authorize import hidden
from tests.identity.test_oauth_code import refused

GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def television() -> Program:
    """Register a public client that has no browser."""
    client, _ = client_care.add(
        Wanted("Television", public=True, grants=("device_code", "refresh_token"), scopes=("openid", "email"))
    )
    return Program(client.client_id, None, "")


def begin(device: Program, **fields: str) -> dict[str, Any]:
    """Ask for the two codes."""
    answer = device.post("/oauth2/device_authorization", fields)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def poll(device: Program, begun: dict[str, Any]) -> Answer:
    """Ask whether somebody has allowed it, as if enough time had gone by."""
    OAuthDeviceCode.objects.filter(asked_at__isnull=False).update(
        asked_at=timezone.now() - timedelta(minutes=1)
    )
    return device.token(grant_type=GRANT, device_code=begun["device_code"])


def decide(browser: Browser, code: str, decision: str) -> Answer:
    """Type the code, and press a button of the page that follows."""
    asked = browser.post_form("/oauth2/device", {"user_code": code})
    assert asked.status == 200, asked.body
    return browser.post_form("/oauth2/device", {**hidden(asked), "decision": decision})


def test_somebody_allows_a_device_and_it_gets_tokens_of_theirs() -> None:
    device, browser = television(), signed_in("manager")
    begun = begin(device)
    assert begun["verification_uri"] == "http://localhost:8080/oauth2/device"
    assert (begun["interval"], begun["expires_in"]) == (5, 600)
    refused(poll(device, begun), "authorization_pending")
    page = browser.ask("GET", begun["verification_uri_complete"].removeprefix("http://localhost:8080"))
    assert begun["user_code"].encode() in page.body, "it is shown, to be compared with the device's"
    assert b"Television" in page.body
    assert b"is connected" in decide(browser, begun["user_code"], "allow").body
    answer = poll(device, begun)
    assert answer.status == 200, answer.body
    found = answer.json()
    said = claims(found["access_token"])
    assert (said["sub"], said["roles"], said["client_id"]) == (
        browser.me().json()["sub"],
        ["manager"],
        device.client_id,
    )
    assert claims(found["id_token"])["aud"] == device.client_id
    refused(poll(device, begun), "invalid_grant")
    browser.post_json("/sign-out", {})
    assert device.refresh(found["refresh_token"]).status == 200, "it stands elsewhere, and stays connected"


def test_who_does_not_allow_it_is_heard() -> None:
    device, browser = television(), signed_in()
    begun = begin(device)
    assert b"is not connected" in decide(browser, begun["user_code"], "deny").body
    refused(poll(device, begun), "access_denied")
    assert browser.post_form("/oauth2/device", {"user_code": begun["user_code"]}).status == 404


@pytest.mark.parametrize(
    "spelling", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code}-"]
)
def test_a_code_may_be_typed_in_any_way(spelling: Any) -> None:
    device, browser = television(), signed_in()
    begun = begin(device)
    decide(browser, spelling(begun["user_code"]), "allow")
    assert poll(device, begun).status == 200


def test_a_device_that_asks_too_often_is_slowed_down() -> None:
    device = television()
    begun = begin(device)
    refused(device.token(grant_type=GRANT, device_code=begun["device_code"]), "authorization_pending")
    refused(device.token(grant_type=GRANT, device_code=begun["device_code"]), "slow_down")
    assert OAuthDeviceCode.objects.latest("expires_at").interval == 10


def test_a_code_is_good_for_ten_minutes() -> None:
    device, browser = television(), signed_in()
    begun = begin(device)
    OAuthDeviceCode.objects.update(expires_at=timezone.now())
    refused(poll(device, begun), "expired_token")
    assert browser.post_form("/oauth2/device", {"user_code": begun["user_code"]}).status == 404


def test_a_device_code_is_its_clients_alone() -> None:
    device, other = television(), television()
    begun = begin(device)
    decide(signed_in(), begun["user_code"], "allow")
    assert poll(other, begun).status == 400
    assert poll(device, begun).status == 200


def test_guessing_codes_is_slow_by_either_method() -> None:
    browser = signed_in()
    tries = [
        browser.ask("GET", f"/oauth2/device?user_code=BBBB-BBB{letter}").status for letter in "BCDFGHJKLMN"
    ]
    assert tries == [404] * 10 + [429]
    assert browser.post_form("/oauth2/device", {"user_code": "BBBB-BBBB"}).status == 429


@pytest.mark.parametrize("typed", ["x", "ü" * 30, "B" * 39, "%00", "<b>"])
def test_what_is_no_code_is_said_and_shown_as_text(typed: str) -> None:
    answer = signed_in().ask("GET", f"/oauth2/device?user_code={quote(typed)}", accept="text/html")
    assert answer.status == 404
    assert b"<b>" not in answer.body


def test_another_site_cannot_connect_its_device_to_somebody() -> None:
    device, browser = television(), signed_in()
    begun = begin(device)
    form = {
        **hidden(browser.post_form("/oauth2/device", {"user_code": begun["user_code"]})),
        "decision": "allow",
    }
    assert browser.post_form("/oauth2/device", form, sec_fetch_site="cross-site").status == 403
    without = {name: value for name, value in form.items() if name != "session"}
    assert b"Does your device show this code" in browser.post_form("/oauth2/device", without).body
    refused(poll(device, begun), "authorization_pending")


def test_who_is_not_signed_in_signs_in_first_and_keeps_the_code() -> None:
    answer = Browser().ask("GET", "/oauth2/device?user_code=BCDF-GHJK", accept="text/html")
    assert answer["location"] == "/sign-in?next=%2Foauth2%2Fdevice%3Fuser_code%3DBCDF-GHJK"


def test_only_a_client_that_may_gets_a_device_code_and_only_what_it_may() -> None:
    refused(program().post("/oauth2/device_authorization", {}), "unauthorized_client")
    refused(television().post("/oauth2/device_authorization", {"scope": "roles"}), "invalid_scope")
    refused(
        television().post("/oauth2/device_authorization", {"resource": "https://x.example"}), "invalid_target"
    )
    refused(television().token(grant_type=GRANT), "invalid_request")
    refused(television().token(grant_type=GRANT, device_code="x"), "invalid_grant")


def test_nothing_of_a_device_is_kept_in_clear() -> None:
    begun = begin(television())
    kept = str(list(OAuthDeviceCode.objects.values()))
    assert begun["device_code"] not in kept
    assert begun["user_code"].replace("-", "") not in kept.replace("-", "")


def test_who_asks_for_codes_without_end_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        limits.RATES, "device-per-address", limits.Rate(2, 3600, by_network=True)
    )  # a hundred take long
    device = television()
    answers = [device.post("/oauth2/device_authorization", {}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    refused(answers[2], "slow_down", 429)
    assert int(answers[2]["retry-after"]) > 0
