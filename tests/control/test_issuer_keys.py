"""What of a published key set is used: public keys that check signatures, and nothing that could be a trap."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc.jwk import ECKey, OKPKey

from pillion.control.issuer_keys import KeysError, parse
from tests.envoy.signatures import new_key, public_jwk

RSA: dict[str, Any] = {**public_jwk(new_key(2048)), "kid": "r"}
EC: dict[str, Any] = {
    **ECKey.import_key(ec.generate_private_key(ec.SECP256R1()).public_key()).as_dict(private=False),
    "kid": "e",
}
ED: dict[str, Any] = {
    **OKPKey.import_key(ed25519.Ed25519PrivateKey.generate().public_key()).as_dict(private=False),
    "kid": "d",
}


def _even(number: str) -> str:
    bits = bytearray(base64.urlsafe_b64decode(number + "=="))
    bits[-1] &= 0xFE
    return base64.urlsafe_b64encode(bits).decode().rstrip("=")


def parsed(*keys: object) -> list[dict[str, Any]]:
    """Give what is used of this set."""
    return [dict(key) for key in parse(json.dumps({"keys": keys}))]


@pytest.mark.parametrize("key", [RSA, EC, ED], ids=["RSA", "EC", "Ed25519"])
def test_every_usual_kind_of_key_is_used(key: dict[str, Any]) -> None:
    """With an algorithm, if it says one."""
    assert parsed(key) == [{**key, "use": "sig"}]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "PS512"), (RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")],
    ids=["PS512", "RS256", "ES256", "EdDSA"],
)
def test_a_key_keeps_its_algorithm(key: dict[str, Any], algorithm: str) -> None:
    """It binds the key to it (RFC 8725, section 3.1)."""
    assert parsed({**key, "alg": algorithm})[0]["alg"] == algorithm


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "o"},
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {**RSA, "use": "enc"},
        {**RSA, "alg": "RSA-OAEP"},
        {**RSA, "alg": "none"},
        {**RSA, "alg": []},
        {**RSA, "alg": {"x": 1}},
        {**RSA, "use": ["sig"]},
        {**RSA, "kty": ["RSA"]},
        {**EC, "crv": {}},
        {**RSA, "key_ops": [[], {}]},
        {**RSA, "alg": "HS256"},
        {**RSA, "alg": "ES256"},
        {**EC, "alg": "RS256"},
        {**EC, "alg": "ES384"},
        {**RSA, "key_ops": ["encrypt"]},
        {**RSA, "key_ops": "verify"},
        {**RSA, "kid": 7},
        {**RSA, "kid": "x" * 256},
        {**RSA, "kid": "a\nb"},
        {**RSA, "n": 7},
        {**RSA, "n": ""},
        {**RSA, "n": "!!"},
        {**RSA, "e": "Ag"},
        {**RSA, "e": "AQ"},
        {**RSA, "e": "BQ"},
        {**RSA, "e": "AQAD"},
        {**RSA, "n": _even(RSA["n"])},
        {**public_jwk(new_key(1024))},
        {"kty": "RSA", "e": "AQAB"},
        {**EC, "x": EC["y"], "y": EC["x"]},
        {**EC, "crv": "P-384"},
        {**EC, "crv": "secp256k1"},
        {**EC, "x": "AA"},
        {**ED, "x": "AA"},
        {**ED, "crv": "X25519"},
        {"kty": "AKP", "kid": "p"},
        {"kid": "nothing"},
        "text",
        None,
        7,
        [RSA],
    ],
    ids=lambda _: "key",
)
def test_what_is_no_sound_key_for_signatures_is_left_out(key: object) -> None:
    """With one of these an Envoy would believe what it should not; with nothing else, it would refuse the set."""
    assert parsed(key, EC) == [{**EC, "use": "sig"}]
    with pytest.raises(KeysError, match="no public key"):
        parsed(key)


def test_a_private_half_that_somebody_published_is_not_passed_on() -> None:
    """Nor anything else that Envoy does not read."""
    private = ECKey.generate_key("P-256").as_dict(private=True)
    [used] = parsed({**private, "kid": "p", "x5c": ["…"], "more": {}})
    assert used.keys() == {"kty", "crv", "x", "y", "kid", "use"}


def test_one_key_id_names_one_key() -> None:
    """Else it would depend on luck which one counts; and keys without an id may be several."""
    assert parsed(RSA, {**EC, "kid": RSA["kid"]}) == [{**RSA, "use": "sig"}]
    unnamed = [{name: value for name, value in key.items() if name != "kid"} for key in (RSA, EC)]
    assert len(parsed(*unnamed)) == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"<html>", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no key set"),
        (b"{}", "no key set"),
        (b'{"keys": {}}', "no key set"),
        (b'{"keys": []}', "no public key"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_key_set_says_so(text: bytes, why: str) -> None:
    with pytest.raises(KeysError, match=why):
        parse(text)


def test_a_set_is_not_longer_than_an_envoy_should_hold() -> None:
    """Each key without a matching id costs a try."""
    assert len(parsed(*({**EC, "kid": str(number)} for number in range(200)))) == 50
