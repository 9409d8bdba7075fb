"""How an Envoy proves to control who it is: a secret for each workload, derived from one key.

Control and whoever starts Envoys hold the key; an Envoy holds its own secret alone, and can pass for no other.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

_KEY_BYTES: Final = 32
_LABEL: Final = b"pillion control: workload "


class CredentialsError(Exception):
    """The key cannot be used; the message says where it lies and what would be right."""


def ensure_key(path: Path) -> bytes:
    """Give the key at `path`; it is made (0600) if there is none. Raises OSError or CredentialsError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_key(path)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return read_key(path)


def read_key(path: Path) -> bytes:
    """Read the key at `path`; raises OSError or CredentialsError."""
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise CredentialsError(
            f"{path}: does not hold {_KEY_BYTES} bytes: remove it, and start everything anew"
        )
    return key


def credential(key: bytes, workload: str) -> str:
    """Derive what `workload` shows: HMAC-SHA256 in hex."""
    return hmac.new(key, _LABEL + workload.encode(), hashlib.sha256).hexdigest()


def proves(key: bytes, workload: str, shown: str) -> bool:
    """Say whether `shown` is that workload's credential, in a time that does not depend on where it differs."""
    return hmac.compare_digest(credential(key, workload).encode(), shown.encode())
