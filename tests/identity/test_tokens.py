"""The token module alone: what it signs, and what it refuses."""

import base64
import json
import uuid
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from pillion.identity.tokens import Grant, InvalidTokenError, Realm, Signer, VerifyingKey, mint, verify
from pillion.vocabulary import LEEWAY_SECONDS

KEY = RSAKey.generate_key(2048, auto_kid=False)
OTHER_KEY = RSAKey.generate_key(2048, auto_kid=False)
SIGNER = Signer("key-1", "RS256", KEY)
KEYS = {"key-1": VerifyingKey("RS256", KEY)}
REALM = Realm("https://shop.example", "shop")
GRANT = Grant(
    sub="0b9f8f3e-5a0a-4a37-9b0c-7d1f0f9f0a01",
    sid="5d3c2f60-7c7e-4e7b-8f59-0a8a2f7c1b02",
    client_id="edge",
    email="ada@example.org",
    roles=("buyer", "manager"),
    auth_time=1_700_000_000,
    amr=("pwd",),
)
NOW = 1_700_000_100
JTI = uuid.UUID("c9a3a0a1-6a80-4d0f-8a5e-1f6f3f6b9c03")
TOKEN = mint(SIGNER, REALM, GRANT, now=NOW, lifetime=300, jti=JTI)
CLAIMS: dict[str, Any] = {
    "iss": "https://shop.example",
    "sub": GRANT.sub,
    "aud": "shop",
    "exp": NOW + 300,
    "iat": NOW,
    "jti": str(JTI),
    "sid": GRANT.sid,
    "client_id": "edge",
    "email": "ada@example.org",
    "roles": ["buyer", "manager"],
    "scope": "openid email",
    "auth_time": 1_700_000_000,
    "amr": ["pwd"],
}
HEADER = {"alg": "RS256", "typ": "at+jwt", "kid": "key-1"}


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Take a token apart by hand, without the library that made it."""
    raw = [base64.urlsafe_b64decode(part + "==") for part in token.split(".")]
    return json.loads(raw[0]), json.loads(raw[1]), raw[2], token.rpartition(".")[0].encode()


def signed(header: dict[str, Any], claims: Any, key: Any = KEY) -> str:
    """Sign anything, also what `mint` never would."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=["RS256", "RS512", "HS256", "PS256"], strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


def refused(token: str, *, now: int = NOW, realm: Realm = REALM) -> bool:
    """Say whether the token is refused, by the one exception meant for it."""
    try:
        verify(token, KEYS, realm, now=now)
    except InvalidTokenError:
        return True
    return False


def test_a_token_holds_exactly_the_claims_of_the_interface() -> None:
    """docs/interface.md, "The token"."""
    header, claims, _, _ = parts(TOKEN)
    assert header == HEADER
    assert claims == CLAIMS


def test_the_signature_is_right_to_cryptography_itself() -> None:
    """RFC 7515, section 5.2, without a JOSE library."""
    _, _, signature, signed_text = parts(TOKEN)
    public = KEY.public_key
    assert not isinstance(public, bytes)
    public.verify(signature, signed_text, PKCS1v15(), SHA256())


def test_a_token_verifies_to_its_claims() -> None:
    """What was signed is what is read."""
    assert verify(TOKEN, KEYS, REALM, now=NOW) == CLAIMS


def test_a_token_for_another_mesh_is_refused() -> None:
    """RFC 9068, section 4: the audience."""
    assert refused(TOKEN, realm=Realm(REALM.issuer, "shop2"))
    assert refused(signed(HEADER, CLAIMS | {"aud": ["shop", "other"]}))


def test_a_token_of_another_issuer_is_refused() -> None:
    """Exactly, a trailing slash included."""
    assert refused(TOKEN, realm=Realm("https://shop.example/", "shop"))


def test_a_token_is_good_until_it_expires_and_the_leeway_is_over() -> None:
    """RFC 7519, section 4.1.4."""
    end = NOW + 300 + LEEWAY_SECONDS
    assert not refused(TOKEN, now=end - 1)
    assert refused(TOKEN, now=end)


def test_a_token_from_the_future_is_refused() -> None:
    """Beyond what two clocks may differ by."""
    assert not refused(TOKEN, now=NOW - LEEWAY_SECONDS)
    assert refused(TOKEN, now=NOW - LEEWAY_SECONDS - 1)


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti", "sid"])
def test_a_token_without_a_claim_is_refused(claim: str) -> None:
    """Each that decides something has to be there."""
    assert refused(signed(HEADER, {name: value for name, value in CLAIMS.items() if name != claim}))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("exp", str(NOW + 300)),
        ("exp", True),
        ("exp", 0),
        ("exp", NOW + 300.5),
        ("exp", None),
        ("sub", ""),
        ("sub", 7),
        ("iat", "now"),
        ("aud", None),
        ("iss", [REALM.issuer]),
    ],
)
def test_a_claim_of_another_kind_is_refused(claim: str, value: object) -> None:
    """Nothing is converted."""
    assert refused(signed(HEADER, CLAIMS | {claim: value}))


@pytest.mark.parametrize(
    "header",
    [
        HEADER | {"typ": "JWT"},
        HEADER | {"typ": "application/at+jwt"},
        {"alg": "RS256", "kid": "key-1"},
        HEADER | {"kid": "key-2"},
        HEADER | {"kid": ""},
        {"alg": "RS256", "typ": "at+jwt"},
        HEADER | {"jku": "https://evil.example/jwks.json"},
        HEADER | {"alg": "RS512"},
        HEADER | {"alg": "PS256"},
    ],
    ids=json.dumps,
)
def test_a_token_with_another_header_is_refused(header: dict[str, Any]) -> None:
    """RFC 8725, sections 3.1 and 3.11; RFC 9068, section 4."""
    assert refused(signed(header, CLAIMS))


def test_a_critical_header_is_refused() -> None:
    """RFC 7515, section 4.1.11: nobody here understands `b64`."""
    header = (
        base64.urlsafe_b64encode(json.dumps(HEADER | {"crit": ["x"], "x": 1}).encode()).rstrip(b"=").decode()
    )
    assert refused(header + TOKEN[TOKEN.index(".") :])


def test_a_token_signed_with_another_key_is_refused() -> None:
    """Though it names ours."""
    assert refused(signed(HEADER, CLAIMS, OTHER_KEY))


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    """RFC 8725, section 2.1: RS256 verified as HS256."""
    secret = OctKey.import_key(KEY.as_pem(private=False).replace(b"-----", b"====="))
    assert refused(signed(HEADER | {"alg": "HS256"}, CLAIMS, secret))


def test_an_unsigned_token_is_refused() -> None:
    """RFC 7518, section 3.6: `none`."""
    header = base64.urlsafe_b64encode(json.dumps(HEADER | {"alg": "none"}).encode()).rstrip(b"=").decode()
    body = TOKEN.split(".")[1]
    assert refused(f"{header}.{body}.")
    assert refused(f"{header}.{body}.{TOKEN.split('.')[2]}")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "...",
        "é.é.é",
        TOKEN + ".x",
        "x." + TOKEN,
        TOKEN[:-6],
        TOKEN.replace(".", ".A", 1),
        "A" * 9000,
        TOKEN.split(".")[0] + "." + TOKEN.split(".")[1],
        TOKEN + " ",
        TOKEN + "\n",
    ],
    ids=lambda token: token[:8] + "_" + str(len(token)),
)
def test_what_is_no_token_is_refused(token: str) -> None:
    """And never with another exception."""
    assert refused(token)


@pytest.mark.parametrize("payload", [b"[]", b"null", b"{", b'"x"', b"\xff", b"[" * 3000])
def test_a_payload_that_is_no_object_is_refused(payload: bytes) -> None:
    """Though signed by us."""
    assert refused(signed(HEADER, payload))


def test_a_signer_does_not_show_its_key() -> None:
    """In logs and errors."""
    assert repr(SIGNER) == "Signer(kid='key-1')"
