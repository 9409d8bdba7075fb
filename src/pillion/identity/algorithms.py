"""The signature algorithms: what key each needs, and how that is made and read."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from pillion.vocabulary import SIGNING_ALGORITHMS

_RSA_BITS: Final = 2048  # NIST SP 800-131A: enough until 2030; twice as long signs at a fifth of the speed

Key = RSAKey | ECKey | OKPKey

_KINDS: Final[dict[str, type[Key]]] = {"RS256": RSAKey, "ES256": ECKey, "EdDSA": OKPKey}

# RFC 9864 gives EdDSA with this curve the name Ed25519, which Envoy does not know yet.
warnings.filterwarnings("ignore", "EdDSA is deprecated via RFC 9864", SecurityWarning)


def new_key(algorithm: str) -> Key:
    """Make a key pair for one of SIGNING_ALGORITHMS."""
    match algorithm:
        case "RS256":
            return RSAKey.generate_key(_RSA_BITS, auto_kid=False)
        case "ES256":
            return ECKey.generate_key("P-256", auto_kid=False)
        case "EdDSA":
            return OKPKey.generate_key("Ed25519", auto_kid=False)
    raise ValueError(f"{algorithm} is none of {SIGNING_ALGORITHMS}")


def private_key(algorithm: str, pem: bytes) -> Key:
    """Read a private key from its PEM."""
    return _KINDS[algorithm].import_key(pem)


def signature(algorithm: str, key: Key) -> Callable[[bytes], bytes]:
    """Give what signs with a private key, by its algorithm (RFC 7518, section 3; RFC 8037, section 3.1)."""
    if isinstance(key, RSAKey):
        # joserfc looks for the key and what belongs to the algorithm each time, in thirty calls.
        return partial(_rs256, key.private_key, padding.PKCS1v15(), hashes.SHA256())
    sign: Callable[[bytes, Key], bytes] = jws.JWSRegistry(algorithms=[algorithm]).get_alg(algorithm).sign
    return lambda content: sign(content, key)


def _rs256(key: Any, padded: padding.PKCS1v15, digest: hashes.SHA256, content: bytes) -> bytes:
    signed: bytes = key.sign(content, padded, digest)
    return signed


def public_key(jwk: dict[str, str]) -> Key:
    """Read a public key (RFC 7517) that says in `alg` what it is for."""
    return _KINDS[jwk["alg"]].import_key(dict(jwk))
