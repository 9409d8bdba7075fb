"""How passwords are kept, and which are taken."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.exceptions import ValidationError

# NIST SP 800-63B-4, section 3.1.1.2, asks for 8 at least (15 where it is the only factor, which a
# later second factor makes too much) and for 64 at least to be allowed; the upper end bounds the work.
SHORTEST: Final = 10
LONGEST: Final = 1024

# 22 and 32 bytes in base64, with what stands between them.
_SALT_AND_HASH: Final = 30 + 1 + 43


# A thread that has hashed once keeps the 19 MiB that it took: a few do it for all, which left identity with 146 MB
# instead of 440 after a crowd of sign-ins. A core is left for those who are signed in already.
_hashing: Final = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "argon2")


class Argon2id(Argon2PasswordHasher):
    """argon2id at the strength that OWASP's Password Storage Cheat Sheet asks for: 19 MiB, 2 rounds, 1 lane.

    A hash made with other parameters is made anew when its owner next signs in (Django's `must_update`).
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Hash a password."""
        return _hashing.submit(super().encode, password, salt).result()

    def must_update(self, encoded: str) -> bool:
        """Say whether a hash is to be made anew. One that begins as ours, and is as long, is not read for that."""
        begin = f"argon2$argon2id$v=19$m={self.memory_cost},t={self.time_cost},p={self.parallelism}$"
        ours = encoded.startswith(begin) and len(encoded) == len(begin) + _SALT_AND_HASH
        return not ours and bool(super().must_update(encoded))

    def verify(self, password: str, encoded: str) -> bool:
        """Say whether the hash is that of the password."""
        return _hashing.submit(super().verify, password, encoded).result()


class LengthValidator:
    """Refuses passwords that are too short or too long, counted in characters (NIST SP 800-63B)."""

    def validate(self, password: str, user: object = None) -> None:  # noqa: ARG002 - Django's protocol
        """Raise ValidationError unless the length is within bounds."""
        if len(password) < SHORTEST:
            raise ValidationError(f"Use {SHORTEST} characters or more.", code="password_too_short")
        if len(password) > LONGEST:
            raise ValidationError(f"Use {LONGEST} characters or fewer.", code="password_too_long")

    def get_help_text(self) -> str:
        """Say what is asked for."""
        return f"{SHORTEST} characters or more; not a common password, and not like your email address."
