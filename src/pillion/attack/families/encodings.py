"""Other spellings of a good token: it would pass for another, or two readers would read it differently."""

import json
import os
from collections.abc import Callable
from functools import partial
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pillion.attack import jose
from pillion.attack.bearing import by_token, good_token
from pillion.attack.outcome import CannotBeTriedError, Family
from pillion.attack.target import Target

_BASE64: Final = "RFC 7515, section 2; RFC 4648, section 3.5"
_SHAPE: Final = "RFC 7515, section 7.1"
_JSON: Final = "RFC 7515, section 7.2"
_JWE: Final = "RFC 7516; RFC 8725, section 2.3"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _spelt(target: Target, change: Callable[[str, str, str], str]) -> str:
    header, payload, signature = target.token.split(".")
    return change(header, payload, signature)


def _not_canonical(header: str, payload: str, signature: str) -> str:
    """Set an unused bit of the last character: lenient readers read the same bytes."""
    if len(signature) % 4 == 0:
        raise CannotBeTriedError("the signature's last character has no unused bits")
    last = _ALPHABET[_ALPHABET.index(signature[-1]) | 1]
    return f"{header}.{payload}.{signature[:-1]}{last}"


def _standard_alphabet(header: str, payload: str, signature: str) -> str:
    changed = signature.replace("-", "+").replace("_", "/")
    if changed == signature:
        raise CannotBeTriedError("the signature is spelt the same in both alphabets")
    return f"{header}.{payload}.{changed}"


def _flattened(header: str, payload: str, signature: str) -> str:
    return json.dumps(
        {"protected": header, "payload": payload, "signature": signature}, separators=(",", ":")
    )


def _general(header: str, payload: str, signature: str) -> str:
    one = {"protected": header, "signature": signature}
    return json.dumps({"payload": payload, "signatures": [one]}, separators=(",", ":"))


def _encrypted(target: Target) -> str:
    """Encrypt claims to the mesh's public key: who decrypts takes that for a proof."""
    key = jose.public_key(target.key)
    if not isinstance(key, rsa.RSAPublicKey):
        raise CannotBeTriedError("the mesh's key is none that anybody encrypts to")
    head = jose.encoded(
        json.dumps({**jose.header(target.token), "alg": "RSA-OAEP-256", "enc": "A256GCM"}).encode()
    )
    secret, nonce = os.urandom(32), os.urandom(12)
    claims = json.dumps(jose.fresh(target.token)).encode()
    sealed = AESGCM(secret).encrypt(nonce, claims, head.encode())
    digest = hashes.SHA256()
    wrapped = key.encrypt(secret, padding.OAEP(padding.MGF1(digest), digest, None))
    return ".".join((head, *map(jose.encoded, (wrapped, nonce, sealed[:-16], sealed[-16:]))))


_SPELLINGS: Final[dict[str, tuple[str, Callable[[str, str, str], str]]]] = {
    "padding": (_BASE64, lambda h, p, s: f"{h}.{p}.{s}{'=' * (-len(s) % 4) or '===='}"),
    "a last character that is not canonical": (_BASE64, _not_canonical),
    "the standard alphabet": (_BASE64, _standard_alphabet),
    "a space within": (_BASE64, lambda h, p, s: f"{h}.{p[:8]} {p[8:]}.{s}"),
    "a tab within": (_BASE64, lambda h, p, s: f"{h}.{p[:8]}\t{p[8:]}.{s}"),
    "a percent-encoded character": (_BASE64, lambda h, p, s: f"{h}%2e{p}.{s}"),
    "a character of no alphabet": (_BASE64, lambda h, p, s: f"{h}.{p}.{s[:8]}!{s[8:]}"),
    "a fourth part": (_SHAPE, lambda h, p, s: f"{h}.{p}.{s}.{s}"),
    "a fifth part": (_SHAPE, lambda h, p, s: f"{h}.{p}.{s}.{s}.{s}"),
    "an empty part behind": (_SHAPE, lambda h, p, s: f"{h}.{p}.{s}."),
    "a dot before": (_SHAPE, lambda h, p, s: f".{h}.{p}.{s}"),
    "two dots between": (_SHAPE, lambda h, p, s: f"{h}..{p}.{s}"),
    "no signature part": (_SHAPE, lambda h, p, _: f"{h}.{p}"),
    "quotation marks": (_SHAPE, lambda h, p, s: f'"{h}.{p}.{s}"'),
    "the payload detached": ("RFC 7515, appendix F", lambda h, _, s: f"{h}..{s}"),
    "JSON, flattened": (_JSON, _flattened),
    "JSON, general": (_JSON, _general),
}

FAMILY: Final = Family(
    "other spellings",
    good_token,
    (
        *(
            by_token(
                f"spelt with {name}",
                reference,
                "a good token, spelt otherwise",
                partial(_spelt, change=change),
            )
            for name, (reference, change) in _SPELLINGS.items()
        ),
        by_token("encrypted to the mesh's key", _JWE, "claims of our own as JWE", _encrypted),
    ),
)
