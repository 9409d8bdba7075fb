"""Reads the password hashes that other systems export, into the form in which they are kept here.

What would make a sign-in a weapon is refused: at one sign-in the hash is computed once, by whoever asks, so that
it may cost about four seconds of a core, and 256 MiB.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

KNOWN: Final = "bcrypt, PBKDF2 with SHA-256 or SHA-512, scrypt, argon2id and argon2i"

HIGHEST_BCRYPT_COST: Final = 16
# Fewer are as good as none: a thousand is what RFC 2898 asked for in the year 2000.
FEWEST_ITERATIONS: Final = 1_000
MOST_ITERATIONS: Final = 10_000_000
MOST_MEMORY: Final = 256 * 1024 * 1024  # bytes, of scrypt and of argon2
# Memory times passes: what it takes, whatever is made of it.
MOST_ARGON2_WORK: Final = 4 * 1024 * 1024 * 1024
MOST_SCRYPT_WORK: Final = 1024 * 1024 * 1024
MOST_LANES: Final = 16
LONGEST: Final = 512  # of what is kept, in characters: a database's column


_SALT: Final = range(1, 129)
_HASH: Final = range(16, 129)
_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
# As libargon2 writes it: no number begins with a zero, and the base64 has no padding.
_ARGON2: Final = re.compile(
    r"\$argon2id?\$v=19\$m=([1-9][0-9]{0,9}),t=([1-9][0-9]{0,9}),p=([1-9][0-9]{0,2})"
    r"\$([A-Za-z0-9+/]{11,171})\$([A-Za-z0-9+/]{22,171})",
    re.ASCII,
)
_NUMBER: Final = re.compile(r"[0-9]{1,10}", re.ASCII)


class HashError(ValueError):
    """The hash cannot be taken; the message says why, without repeating any of it."""


def stored(written: Any) -> str:
    """Give the form in which Django's hashers find the hash; raises HashError.

    `written` is a text in the form of the system that it comes from, or Keycloak's credential as JSON has it.
    """
    if isinstance(written, str) and written.lstrip().startswith("{"):
        written = _json(written)
    if isinstance(written, Mapping):
        kept = _keycloak(written)
    elif isinstance(written, str):
        kept = _reader(written)(written)
    else:
        raise HashError("is neither a text nor a credential of Keycloak's")
    if len(kept) > LONGEST:
        raise HashError("is too long")
    return kept


def pbkdf2(digest: str, iterations: int, salt: bytes, value: bytes) -> str:
    """Write a PBKDF2 hash as it is kept; raises HashError."""
    if not FEWEST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise HashError(
            f"has {iterations} iterations: {FEWEST_ITERATIONS} to {MOST_ITERATIONS} of PBKDF2 are taken"
        )
    _check_lengths(salt, value)
    return f"pbkdf2${digest}${iterations}${_encoded(salt)}${_encoded(value)}"


def _reader(written: str) -> Callable[[str], str]:
    for beginning, read in _READERS:
        if written.startswith(beginning):
            return read
    raise HashError(f"is of no kind that is known here: {KNOWN} are")


def _bcrypt(written: str) -> str:
    found = _BCRYPT.fullmatch(written)
    if found is None:
        raise HashError("is no whole bcrypt hash")
    cost = int(found[1])
    if not 4 <= cost <= HIGHEST_BCRYPT_COST:  # noqa: PLR2004 - the least that bcrypt has
        raise HashError(f"has the cost {cost}: 4 to {HIGHEST_BCRYPT_COST} of bcrypt are taken")
    return f"bcrypt{written}"


def _django_bcrypt(written: str) -> str:
    name, _, rest = written.partition("$")
    return f"{name}{_bcrypt(rest).removeprefix('bcrypt')}"


def _django_pbkdf2(written: str) -> str:
    name, iterations, salt, value = _parts(written, 4, "PBKDF2")
    return pbkdf2(name.removeprefix("pbkdf2_"), _number(iterations), salt.encode(), _bytes(value))


def _passlib_pbkdf2(written: str) -> str:
    _, name, rounds, salt, value = _parts(written, 5, "PBKDF2")
    # passlib writes base64 with '.' for '+' and without padding.
    salt_bytes, value_bytes = (_bytes(part.replace(".", "+")) for part in (salt, value))
    return pbkdf2(name.removeprefix("pbkdf2-"), _number(rounds), salt_bytes, value_bytes)


def _django_scrypt(written: str) -> str:
    _, n, salt, r, p, value = _parts(written, 6, "scrypt")
    cost, block, lanes = _number(n), _number(r), _number(p)
    if cost < 2 or cost & (cost - 1) or not block or not lanes:  # noqa: PLR2004 - RFC 7914, section 2
        raise HashError("has parameters that scrypt does not allow")
    memory = 128 * block * cost
    if memory > MOST_MEMORY or memory * lanes > MOST_SCRYPT_WORK:
        raise HashError(f"needs more memory than {_MEBIBYTES} MiB, or too much time, at each sign-in")
    salt_bytes, value_bytes = salt.encode(), _bytes(value)
    _check_lengths(salt_bytes, value_bytes)
    return f"scrypt${cost}${block}${lanes}${_encoded(salt_bytes)}${_encoded(value_bytes)}"


def _argon2(written: str) -> str:
    found = _ARGON2.fullmatch(written)
    if found is None:
        raise HashError("is no whole argon2id or argon2i hash, such as $argon2id$v=19$m=…,t=…,p=…$…$…")
    memory, passes, lanes = int(found[1]) * 1024, int(found[2]), int(found[3])
    if memory > MOST_MEMORY or memory * passes > MOST_ARGON2_WORK or lanes > MOST_LANES:
        raise HashError(f"needs more memory than {_MEBIBYTES} MiB, or too much time, at each sign-in")
    if memory < lanes * 8 * 1024:  # RFC 9106, section 3.1
        raise HashError("has parameters that argon2 does not allow")
    for text in found[4], found[5]:
        if _encoded(_bytes(text)).rstrip("=") != text:
            raise HashError("holds something else where base64 should be")
    _check_lengths(_bytes(found[4]), _bytes(found[5]))
    return f"argon2{written}"


def _keycloak(written: Mapping[str, Any]) -> str:
    """Read a credential of a realm's export: how it was made in one text of JSON, hash and salt in another."""
    made, secret = _inner(written, "credentialData"), _inner(written, "secretData")
    salt, value = _bytes(secret.get("salt")), _bytes(secret.get("value"))
    algorithm, iterations = made.get("algorithm"), made.get("hashIterations")
    if not isinstance(iterations, int) or isinstance(iterations, bool):
        raise HashError("says no hashIterations")
    if algorithm in {"pbkdf2-sha256", "pbkdf2-sha512"}:
        return pbkdf2(str(algorithm).removeprefix("pbkdf2-"), iterations, salt, value)
    if algorithm == "argon2":
        return _argon2(_encoded_argon2(made.get("additionalParameters"), iterations, salt, value))
    raise HashError(f"is of no kind that is known here: {KNOWN} are")


def _encoded_argon2(parameters: Any, passes: int, salt: bytes, value: bytes) -> str:
    def one(name: str) -> str:
        several = parameters.get(name) if isinstance(parameters, Mapping) else None
        return str(several[0]) if isinstance(several, list) and several else ""

    if one("version") != "1.3":
        raise HashError("is argon2 of another version than 1.3")
    texts = "$".join(_encoded(part).rstrip("=") for part in (salt, value))
    return f"$argon2{one('type')}$v=19$m={one('memory')},t={passes},p={one('parallelism')}${texts}"


def _inner(written: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = written.get(name)
    inner = _json(inner) if isinstance(inner, str) else inner
    if not isinstance(inner, Mapping):
        raise HashError(f"has no {name}, as a credential of Keycloak's has")
    return inner


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise HashError("begins like JSON, and is none") from None


def _parts(written: str, count: int, kind: str) -> list[str]:
    parts = written.split("$")
    if len(parts) != count:
        raise HashError(f"is no whole {kind} hash")
    return parts


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise HashError("holds something else where a number should be")
    return int(text)


def _bytes(text: Any) -> bytes:
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded.encode("ascii"), validate=True)
    except (TypeError, UnicodeEncodeError, binascii.Error):
        raise HashError("holds something else where base64 should be") from None


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _check_lengths(salt: bytes, value: bytes) -> None:
    if len(salt) not in _SALT or len(value) not in _HASH:
        raise HashError("has a salt or a value of a length that is not taken (a value: 16 to 128 bytes)")


_MEBIBYTES: Final = MOST_MEMORY // (1024 * 1024)
_READERS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("$2", _bcrypt),
    ("bcrypt$", _django_bcrypt),
    ("bcrypt_sha256$", _django_bcrypt),
    ("pbkdf2_sha256$", _django_pbkdf2),
    ("pbkdf2_sha512$", _django_pbkdf2),
    ("$pbkdf2-sha256$", _passlib_pbkdf2),
    ("$pbkdf2-sha512$", _passlib_pbkdf2),
    ("scrypt$", _django_scrypt),
    ("$argon2", _argon2),
    ("argon2$", lambda written: _argon2(written.removeprefix("argon2"))),
)
