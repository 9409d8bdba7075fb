"""Writes tokens of every kind (RFC 7515): by our own keys, by the mesh's public one, or by none."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from functools import lru_cache
from typing import Any, Final, Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import import_key

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_HASHES: Final = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Final = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
    "ES256K": ec.SECP256K1(),
}


def encoded(data: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Read base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header(token: str) -> dict[str, Any]:
    """Read a token's header."""
    found: dict[str, Any] = json.loads(decoded(token.partition(".")[0]))
    return found


def claims(token: str) -> dict[str, Any]:
    """Read a token's claims, whoever signed it."""
    found: dict[str, Any] = json.loads(decoded(token.split(".")[1]))
    return found


def fresh(token: str, **changed: Any) -> dict[str, Any]:
    """Give the claims of a good token as if it were new, with these changes; None leaves a claim out."""
    now = int(time.time())
    found = claims(token) | {"iat": now, "exp": now + 300, "jti": str(uuid.uuid4())} | changed
    return {name: value for name, value in found.items() if value is not None}


def unsigned(header: dict[str, Any], claims: dict[str, Any] | bytes) -> str:
    """Write the part of a token that is signed."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return f"{encoded(json.dumps(header).encode())}.{encoded(payload)}"


def own_key(algorithm: str) -> Key:
    """Give a key of our own for an algorithm; of RSA, one as long as the mesh's."""
    if algorithm.startswith(("RS", "PS")):
        return _rsa_key()
    return _ec_key(algorithm) if algorithm.startswith("ES") else ed25519.Ed25519PrivateKey.generate()


def signed(header: dict[str, Any], claims: dict[str, Any] | bytes, key: Key | None = None) -> str:
    """Sign by a key, by default our own of the algorithm that the header names."""
    text = unsigned(header, claims)
    algorithm = str(header["alg"])
    return f"{text}.{encoded(sign(key or own_key(algorithm), algorithm, text.encode()))}"


def keyed(header: dict[str, Any], claims: dict[str, Any] | bytes, secret: bytes) -> str:
    """Sign by a secret (HS256 and its like)."""
    text = unsigned(header, claims)
    digest = f"sha{str(header['alg'])[-3:]}"
    return f"{text}.{encoded(hmac.new(secret, text.encode(), digest).digest())}"


def sign(key: Key, algorithm: str, data: bytes) -> bytes:
    """Sign as RFC 7518, section 3 has it."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)
        case ec.EllipticCurvePrivateKey():
            size = (key.curve.key_size + 7) // 8
            digest = _HASHES["256" if algorithm == "ES256K" else algorithm[-3:]]
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        case rsa.RSAPrivateKey():
            digest = _HASHES[algorithm[-3:]]
            if algorithm.startswith("PS"):
                return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
            return key.sign(data, padding.PKCS1v15(), digest)


def public_jwk(key: Key, **more: str) -> dict[str, str]:
    """Write the public half of one of our keys (RFC 7517)."""
    found = import_key(_pem(key.public_key()), _kind(key)).as_dict(private=False)
    return {name: str(value) for name, value in found.items()} | more


def public_key(jwk: dict[str, str]) -> Public:
    """Read a published key."""
    found: Public = import_key({**jwk}).public_key  # type: ignore[assignment]
    return found


def spellings(jwk: dict[str, str]) -> dict[str, bytes]:
    """Give the ways in which a published key is written down, each a secret that a careless verifier may take."""
    key = public_key(jwk)
    pem = _pem(key)
    found = {
        "PEM": pem,
        "PEM without its last line end": pem.rstrip(b"\n"),
        "DER": key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(jwk, separators=(",", ":")).encode(),
        "kid": jwk["kid"].encode(),
    }
    if isinstance(key, rsa.RSAPublicKey):
        pkcs1 = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
        found |= {
            "PKCS 1 PEM": pkcs1,
            "modulus": decoded(jwk["n"]),
            "modulus in base64url": jwk["n"].encode(),
        }
    return found


def thumbprint(data: bytes) -> str:
    """Hash a certificate as `x5t#S256` has it."""
    return encoded(hashlib.sha256(data).digest())


def _pem(key: Public) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _kind(key: Key) -> Literal["RSA", "EC", "OKP"]:
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "EC" if isinstance(key, ec.EllipticCurvePrivateKey) else "OKP"


@lru_cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@lru_cache
def _ec_key(algorithm: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(_CURVES[algorithm])
