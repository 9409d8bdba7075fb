"""What the tables know codes, secrets and refresh tokens by."""

import hashlib
import secrets
from typing import Final

from django.utils.crypto import salted_hmac

_BYTES: Final = 32
_SALT: Final = "pillion.identity.oauth.user-code"


def new_secret() -> str:
    """Make 256 random bits, in base64url: 43 characters."""
    return secrets.token_urlsafe(_BYTES)


def of(secret: str) -> str:
    """Hash what has 256 random bits: nothing slower is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def of_user_code(code: str) -> str:
    """Hash what a person can type, and so has few bits: under a key that is not in the database."""
    return salted_hmac(_SALT, code, algorithm="sha256").hexdigest()
