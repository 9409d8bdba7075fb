"""Checks passwords against hashes that came from other systems; Django makes each anew, as ours, at a sign-in.

The forms are those that `imported_hashes` writes. None of these ever makes a hash for a new password.
"""

import base64
import hashlib
import hmac
from typing import Any, Final, NoReturn

import bcrypt
from django.contrib.auth.hashers import BasePasswordHasher

# All of a password that bcrypt ever took; the library used to cut it there, and now refuses longer ones.
_BCRYPT_BYTES: Final = 72


class _Imported(BasePasswordHasher):
    """A kind of hash that is checked, and no more."""

    def encode(self, password: str, salt: str) -> NoReturn:
        """Refuse: new hashes are argon2id."""
        raise NotImplementedError("hashes of this kind are taken over, and never made")

    def decode(self, encoded: str) -> dict[str, Any]:
        """Name the kind."""
        return {"algorithm": encoded.partition("$")[0]}

    def safe_summary(self, encoded: str) -> Any:
        """Name the kind alone."""
        return self.decode(encoded)

    def must_update(self, encoded: str) -> bool:  # noqa: ARG002 - Django's protocol
        """Say yes, always."""
        return True

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Do nothing: `backend` sees to it that unknown addresses take as long."""


class Bcrypt(_Imported):
    """bcrypt: `bcrypt$2b$12$…`, the name before what was written."""

    algorithm = "bcrypt"

    def verify(self, password: str, encoded: str) -> bool:
        """Compare, by what bcrypt takes of the password."""
        written = encoded.removeprefix(self.algorithm).encode("ascii")
        return bcrypt.checkpw(self._taken(password), written)

    def _taken(self, password: str) -> bytes:
        return password.encode()[:_BCRYPT_BYTES]


class BcryptSha256(Bcrypt):
    """bcrypt of the password's SHA-256 in hexadecimal, as Django has it."""

    algorithm = "bcrypt_sha256"

    def _taken(self, password: str) -> bytes:
        return hashlib.sha256(password.encode()).hexdigest().encode("ascii")


class Pbkdf2(_Imported):
    """PBKDF2 (RFC 8018, section 5.2): `pbkdf2$sha256$ITERATIONS$SALT$VALUE`, the last two in base64."""

    algorithm = "pbkdf2"

    def verify(self, password: str, encoded: str) -> bool:
        """Compare; the value's length says how much is derived."""
        _, digest, iterations, salt, value = encoded.split("$")
        wanted = base64.b64decode(value)
        made = hashlib.pbkdf2_hmac(
            digest, password.encode(), base64.b64decode(salt), int(iterations), len(wanted)
        )
        return hmac.compare_digest(made, wanted)


class Scrypt(_Imported):
    """scrypt (RFC 7914): `scrypt$N$R$P$SALT$VALUE`, the last two in base64."""

    algorithm = "scrypt"

    def verify(self, password: str, encoded: str) -> bool:
        """Compare."""
        _, cost, block, lanes, salt, value = encoded.split("$")
        n, r, p = int(cost), int(block), int(lanes)
        wanted = base64.b64decode(value)
        made = hashlib.scrypt(
            password.encode(),
            salt=base64.b64decode(salt),
            n=n,
            r=r,
            p=p,
            maxmem=128 * r * (n + p + 4),  # what OpenSSL counts: N + P blocks, and some
            dklen=len(wanted),
        )
        return hmac.compare_digest(made, wanted)
