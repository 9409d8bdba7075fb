"""Ways to sign a token: the one that is right, and those that attackers try."""

import base64
import hmac
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding


@dataclass(frozen=True)
class Unsigned:
    """What is to be signed: the two parts as they are and as they are sent; and the mesh's key."""

    header: bytes
    claims: bytes
    key: rsa.RSAPrivateKey
    jwk: Mapping[str, str]

    @property
    def sent(self) -> bytes:
        """What a signature is made over (RFC 7515, section 5.1)."""
        return f"{encoded(self.header)}.{encoded(self.claims)}".encode()

    def public(self, encoding: Encoding) -> bytes:
        """Give the public key as a file would hold it."""
        return self.key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def encoded(data: bytes) -> str:
    """Give base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key."""
    return rsa.generate_private_key(65537, bits)


def public_jwk(key: rsa.RSAPrivateKey) -> dict[str, str]:
    """Give an RSA public key as a JWK (RFC 7518, section 6.3.1)."""
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rsa(key: rsa.RSAPrivateKey, signed: bytes, digest: HashAlgorithm | None = None) -> bytes:
    return key.sign(signed, padding.PKCS1v15(), digest or hashes.SHA256())


def _pss(token: Unsigned) -> bytes:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
    return token.key.sign(token.sent, pss, hashes.SHA256())


def _hmac(token: Unsigned, key: bytes) -> bytes:
    return hmac.digest(key, token.sent, "sha256")


OTHER_RSA: Final = new_key(2048)

WAYS: Final[Mapping[str, Callable[[Unsigned], bytes]]] = {
    "ours": lambda token: _rsa(token.key, token.sent),
    "nothing": lambda _: b"",
    "zeros": lambda token: bytes(token.key.key_size // 8),
    "noise": lambda token: os.urandom(token.key.key_size // 8),
    "other-rsa": lambda token: _rsa(OTHER_RSA, token.sent),
    "rsa-1024": lambda token: _rsa(new_key(1024), token.sent),
    "other-claims": lambda token: _rsa(token.key, f"{encoded(token.header)}.{encoded(b'{}')}".encode()),
    "decoded": lambda token: _rsa(token.key, token.header + b"." + token.claims),
    "unencoded": lambda token: _rsa(token.key, encoded(token.header).encode() + b"." + token.claims),
    "sha1": lambda token: _rsa(token.key, token.sent, hashes.SHA1()),
    "rs384": lambda token: _rsa(token.key, token.sent, hashes.SHA384()),
    "rs512": lambda token: _rsa(token.key, token.sent, hashes.SHA512()),
    "ps256": _pss,
    "es256": lambda token: ec.generate_private_key(ec.SECP256R1()).sign(
        token.sent, ec.ECDSA(hashes.SHA256())
    ),
    "es256-zeros": lambda _: bytes(64),
    "ed25519": lambda token: ed25519.Ed25519PrivateKey.generate().sign(token.sent),
    "hmac-pem": lambda token: _hmac(token, token.public(Encoding.PEM)),
    "hmac-der": lambda token: _hmac(token, token.public(Encoding.DER)),
    "hmac-jwk": lambda token: _hmac(token, json.dumps(token.jwk).encode()),
    "hmac-n": lambda token: _hmac(token, token.jwk["n"].encode()),
    "hmac-empty": lambda token: _hmac(token, b""),
    "hmac-kid": lambda token: _hmac(token, token.jwk["kid"].encode()),
}
