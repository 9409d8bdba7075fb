"""What is not taken for a passkey, where one is used and where one is added."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.utils import websafe_encode

from tests.identity import soft_passkey
from tests.identity.browser import Answer, Browser, signed_in
from tests.identity.half_way import STEP
from tests.identity.soft_passkey import PRESENT, Passkey, add_passkey
from tests.identity.test_passkeys import CONFIRM, with_passkey

WRONG_USES: dict[str, dict[str, Any]] = {
    "of another key": {"key": ec.generate_private_key(ec.SECP256R1())},
    "not user-verified": {"flags": PRESENT},
    "nobody present": {"flags": 0},
    "for another host": {"host": b"\1" * 32},
    "for a registration": {"said": {"type": "webauthn.create"}},
    "for another challenge": {"said": {"challenge": websafe_encode(b"\1" * 32)}},
    "of a user who is not there": {"user": websafe_encode(b"0" * 32)},
    "of a user whose id is none": {"user": websafe_encode(b"\xff\x00")},
}
NOT_OURS: dict[str, dict[str, Any]] = {
    "made elsewhere": {"said": {"origin": "https://evil.example"}},
    "made at another port": {"said": {"origin": "http://localhost:8081"}},
    "made at a subdomain": {"said": {"origin": "http://a.localhost:8080"}},
    "made by https": {"said": {"origin": "https://localhost:8080"}},
    "made in a frame": {"said": {"crossOrigin": True}},
    "an origin that is a list": {"said": {"origin": ["http://localhost:8080"]}},
    "no client data": {"answer": {"clientDataJSON": None}},
    "client data that is none": {"answer": {"clientDataJSON": "e30"}},
    "a number for data": {"answer": {"authenticatorData": 7}},
    "a list for a signature": {"answer": {"signature": ["x"]}},
    "a mapping for a user": {"answer": {"userHandle": {"a": 1}}},
    "another type": {"members": {"type": "password"}},
    "no id": {"members": {"rawId": None}},
    "a number for an id": {"members": {"id": 5}},
    "no answer": {"members": {"response": None}},
    "a text for an answer": {"members": {"response": "x"}},
    "extensions that are a list": {"members": {"clientExtensionResults": ["x"]}},
}
BROKEN: dict[str, dict[str, Any]] = {
    "no data": {"answer": {"authenticatorData": ""}},
    "short data": {"answer": {"authenticatorData": websafe_encode(b"\1" * 36)}},
    "data that goes on": {
        "answer": {"authenticatorData": websafe_encode(b"\1" * 36 + b"\x85" + b"\xa1" * 9)}
    },
    "no signature": {"answer": {"signature": ""}},
    "a signature that is none": {"answer": {"signature": "AAAA"}},
    "not base64": {"answer": {"signature": "\u00e9"}},
    "ids that differ": {"members": {"id": "AAAA"}},
    "no user": {"answer": {"userHandle": None}},
    "a credential that nobody has": {"members": {"id": "AAAA", "rawId": "AAAA"}},
}


@pytest.mark.parametrize("otherwise", WRONG_USES.values(), ids=WRONG_USES)
def test_what_is_not_right_in_every_respect_signs_nobody_in(otherwise: dict[str, Any]) -> None:
    """Alone, as a second step, or to confirm; in the same words, whatever it is."""
    email, passkey = with_passkey()
    answers = all_ways(email, passkey, otherwise)
    alone = {"user"} & set(otherwise)  # what says whose it is matters where nobody is known yet
    assert {answer.code for answer in answers[: 1 if alone else 3]} == {"wrong-passkey"}
    assert [answer.status for answer in answers[: 1 if alone else 3]] == [401, 401, 403][: 1 if alone else 3]
    assert len({answer.json()["detail"] for answer in answers[: 1 if alone else 3]}) == 1


@pytest.mark.parametrize("otherwise", NOT_OURS.values(), ids=NOT_OURS)
def test_what_was_not_made_for_us_is_not_looked_at(otherwise: dict[str, Any]) -> None:
    """400."""
    email, passkey = with_passkey()
    assert {(answer.status, answer.code) for answer in all_ways(email, passkey, otherwise)} == {
        (400, "malformed-request")
    }


@pytest.mark.parametrize("otherwise", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_refused_like_anything_wrong(otherwise: dict[str, Any]) -> None:
    """Never a 5xx."""
    email, passkey = with_passkey()
    answers = all_ways(email, passkey, otherwise)
    assert answers[0].status in (400, 401)
    assert all(answer.status in (200, 400, 401, 403) for answer in answers)
    if otherwise != BROKEN["no user"]:
        assert all(answer.status != 200 for answer in answers)


def all_ways(email: str, passkey: Passkey, otherwise: dict[str, Any]) -> list[Answer]:
    """Send a credential where one is taken: alone, as a second step, to confirm."""
    alone = soft_passkey.sign_in(Browser(), passkey, **otherwise)
    second = Browser()
    second.sign_in(email)
    options = second.post_json(f"{STEP}/options", {}).json()
    step = second.post_json(STEP, {"credential": passkey.used(options, **otherwise)})
    inside = Browser()
    passkey.uses += 10
    assert soft_passkey.sign_in(inside, passkey).status == 200
    options = inside.post_json(f"{CONFIRM}/options", {}).json()
    return [alone, step, inside.post_json(CONFIRM, {"credential": passkey.used(options, **otherwise)})]


WRONG_MAKING: dict[str, dict[str, Any]] = {
    "not user-verified": {"flags": PRESENT | 64},
    "nobody present": {"flags": 64},
    "for a sign-in": {"said": {"type": "webauthn.get"}},
    "for another challenge": {"said": {"challenge": websafe_encode(b"\1" * 32)}},
    "without a key": {"answer": {"attestationObject": "AAAA"}},
    "no object": {"answer": {"attestationObject": ""}},
    "an object that goes on": {"answer": {"attestationObject": websafe_encode(b"\xa1" * 60)}},
}


@pytest.mark.parametrize("otherwise", WRONG_MAKING.values(), ids=WRONG_MAKING)
def test_what_is_not_right_is_not_added(otherwise: dict[str, Any]) -> None:
    """403, and nothing is there."""
    browser = signed_in()
    _, answer = add_passkey(browser, **otherwise)
    assert (answer.status, answer.code) == (403, "wrong-passkey")
    assert browser.ask("GET", "/account/security").json()["passkeys"] == []


@pytest.mark.parametrize("origin", ["https://evil.example", "http://a.localhost:8080"])
def test_what_was_made_elsewhere_is_not_added(origin: str) -> None:
    """400."""
    _, answer = add_passkey(signed_in(), said={"origin": origin})
    assert answer.status == 400
