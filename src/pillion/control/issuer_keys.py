"""From what another issuer publishes to what an Envoy may be given: public keys that check signatures.

An Envoy would believe a secret that stands there, and refuses a set in which it finds nothing that it can read.
"""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

# RFC 7518, section 3.1, and RFC 8037, by the key's type; nothing that rests on a shared secret.
_ALGORITHMS: Final = {
    "RSA": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
    "P-256": {"ES256"},
    "P-384": {"ES384"},
    "P-521": {"ES512"},
    "Ed25519": {"EdDSA"},
}
_MEMBERS: Final = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x")}
# RFC 7518, section 3.3; more than the longest costs every request.
_RSA_BITS: Final = range(2048, 8192 + 1)
# Envoy takes no others (BoringSSL would take more), and everybody has 65537.
_EXPONENTS: Final = (3, 65537)
_MOST_KEYS: Final = 50
_KID: Final = re.compile("[ -~]{0,255}", re.ASCII)


class KeysError(Exception):
    """The set cannot be used; the message says why."""


@dataclass(frozen=True)
class IssuerKeys:
    """The keys of one other issuer; `fetched_at` is in seconds since the epoch, None when they never were."""

    keys: tuple[Mapping[str, Any], ...] = ()
    fetched_at: float | None = None


def parse(text: bytes | str) -> tuple[Mapping[str, Any], ...]:
    """Take the keys that can check a signature out of a key set (RFC 7517, section 5); raises KeysError.

    What is of another kind is left out, as section 5 wants it.
    """
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise KeysError("it is not JSON") from None
    written = read.get("keys") if isinstance(read, dict) else None
    if not isinstance(written, list):
        raise KeysError("it is no key set: there is no list 'keys'")
    keys = tuple(_usable(written[:_MOST_KEYS]))
    if not keys:
        raise KeysError("it holds no public key that checks a signature")
    return keys


def _usable(written: list[Any]) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for one in written:
        key = _public(one) if isinstance(one, dict) else None
        if key is None or key.get("kid") in seen:
            continue
        if "kid" in key:
            seen.add(key["kid"])
        yield key


def _public(written: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the key with the members that Envoy reads, or None if it is not for us."""
    members = _MEMBERS.get(str(written.get("kty")))
    if members is None or not all(isinstance(written.get(member), str) for member in members):
        return None
    bare: dict[str, str] = {member: written[member] for member in members}
    algorithms = _ALGORITHMS.get(bare.get("crv", bare["kty"]), set())
    algorithm, kid = written.get("alg", ""), written.get("kid", "")
    operations = written.get("key_ops", ["verify"])
    if (
        not algorithms
        or not _is_sound(bare)
        or written.get("use", "sig") != "sig"
        or not (isinstance(operations, list) and "verify" in operations)
        or not isinstance(algorithm, str)
        or algorithm not in {"", *algorithms}
        or not isinstance(kid, str)
        or not _KID.fullmatch(kid)
    ):
        return None
    named = {"alg": algorithm, "kid": kid, "use": "sig"}
    return bare | {name: value for name, value in named.items() if value}


def _is_sound(key: Mapping[str, str]) -> bool:
    """Say whether the numbers are a key, and a strong one."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - as much memory as all the rest of these modules;
    from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: PLC0415 - most meshes trust no other issuer

    try:
        match key["kty"]:
            case "RSA":
                with warnings.catch_warnings(action="ignore"):  # of the keys that are too short here as well
                    numbers = RSAKey.import_key(dict(key)).public_key.public_numbers()
                return numbers.n.bit_length() in _RSA_BITS and numbers.n % 2 == 1 and numbers.e in _EXPONENTS
            case "EC":
                return bool(ECKey.import_key(dict(key)).raw_value)
            case _:
                return bool(OKPKey.import_key(dict(key)).raw_value)
    except (JoseError, ValueError, TypeError, KeyError):
        return False
