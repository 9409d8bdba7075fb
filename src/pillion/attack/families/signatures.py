"""Signatures that are not the mesh's, or no longer fit what they sign."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from pillion.attack import jose
from pillion.attack.bearing import by_token, good_token
from pillion.attack.outcome import CannotBeTriedError, Family
from pillion.attack.target import Target

_SIGNED: Final = "RFC 7515, section 5.2; CWE-347"
_MALLEABLE: Final = "RFC 8017, section 8.2.2; CWE-347"
_STRANGER: Final = "00000000-0000-4000-8000-000000000001"


def _parts(target: Target) -> tuple[str, str, str]:
    header, payload, signature = target.token.split(".")
    return header, payload, signature


def _other_key(target: Target, bits: int = 0) -> str:
    header = jose.header(target.token)
    key = rsa.generate_private_key(65537, bits) if bits else None
    return jose.signed(header | ({"alg": "RS256"} if bits else {}), jose.fresh(target.token), key)


def _payload(target: Target, **changed: Any) -> str:
    header, payload, signature = _parts(target)
    claims = json.loads(jose.decoded(payload)) | changed
    return f"{header}.{jose.encoded(json.dumps(claims).encode())}.{signature}"


def _later(target: Target) -> str:
    return _payload(target, exp=jose.claims(target.token)["exp"] + 3600)


def _same_members(target: Target) -> str:
    """Write the claims anew: nothing is changed but the white space between them."""
    header, payload, signature = _parts(target)
    anew = json.dumps(json.loads(jose.decoded(payload)), indent=1)
    return f"{header}.{jose.encoded(anew.encode())}.{signature}"


def _header(target: Target) -> str:
    _, payload, signature = _parts(target)
    changed = json.dumps({**jose.header(target.token), "x": 1})
    return f"{jose.encoded(changed.encode())}.{payload}.{signature}"


def _signature(target: Target, change: Callable[[bytes], bytes]) -> str:
    header, payload, signature = _parts(target)
    return f"{header}.{payload}.{jose.encoded(change(jose.decoded(signature)))}"


def _of_another(target: Target) -> str:
    """Put the claims of one good token under the signature of another."""
    header, _, signature = _parts(target)
    return f"{header}.{jose.encoded(json.dumps(jose.fresh(target.token)).encode())}.{signature}"


def _plus_modulus(target: Target) -> str:
    """Add the modulus to the signature: the same number to who does not look at the range."""
    if target.key.get("kty") != "RSA":
        raise CannotBeTriedError("the mesh does not sign by RSA")
    number = int.from_bytes(jose.decoded(target.key["n"]))

    def change(signature: bytes) -> bytes:
        raised = int.from_bytes(signature) + number
        return raised.to_bytes(max(len(signature), (raised.bit_length() + 7) // 8))

    return _signature(target, change)


def _flip(signature: bytes, index: int) -> bytes:
    changed = bytearray(signature)
    changed[index] ^= 1
    return bytes(changed)


_CHANGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "first byte changed": lambda found: _flip(found, 0),
    "middle byte changed": lambda found: _flip(found, len(found) // 2),
    "last byte changed": lambda found: _flip(found, -1),
    "without its last byte": lambda found: found[:-1],
    "with a byte behind": lambda found: found + b"\0",
    "with a zero before": lambda found: b"\0" + found,
    "of zeros": lambda found: bytes(len(found)),
    "backwards": lambda found: found[::-1],
    "empty": lambda _: b"",
}

FAMILY: Final = Family(
    "tampering",
    good_token,
    (
        by_token(
            "another key of the same size",
            _SIGNED,
            "a token by our own key, under the mesh's kid",
            _other_key,
        ),
        by_token(
            "a short key", "RFC 7518, section 3.3", "the same, by 1024 bits", partial(_other_key, bits=1024)
        ),
        by_token(
            "another subject",
            _SIGNED,
            "a good token that says it is somebody else's",
            partial(_payload, sub=_STRANGER),
        ),
        by_token(
            "more roles",
            "CWE-269; CWE-347",
            "a good token with roles added",
            partial(_payload, roles=["manager", "admin", "pillion-operator"]),
        ),
        by_token(
            "another session",
            _SIGNED,
            "a good token with the id of another session",
            partial(_payload, sid=_STRANGER),
        ),
        by_token("a later end", _SIGNED, "a good token that says it lives an hour longer", _later),
        by_token(
            "the same claims written anew",
            _SIGNED,
            "a good token with white space in its claims",
            _same_members,
        ),
        by_token("a changed header", _SIGNED, "a good token with one more member in its header", _header),
        by_token(
            "the signature of another token",
            _SIGNED,
            "claims of one token, signature of another",
            _of_another,
        ),
        *(
            by_token(
                f"signature {name}",
                _SIGNED,
                "a good token, its signature changed",
                partial(_signature, change=change),
            )
            for name, change in _CHANGES.items()
        ),
        by_token(
            "signature plus the modulus", _MALLEABLE, "a good token, its signature raised by n", _plus_modulus
        ),
    ),
)
