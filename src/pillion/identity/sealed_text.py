"""Texts encrypted at rest: AES-GCM under a key that is derived from the master key."""

import base64
import binascii
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from pillion.identity import master_key
from pillion.identity.master_key import MasterKey, MasterKeyError

_NONCE: Final = 12  # bytes (NIST SP 800-38D, section 8.2)


def seal(text: str, purpose: bytes) -> str:
    """Encrypt a text for one purpose (a label of `master_key`); gives base64."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + _cipher(purpose).encrypt(nonce, text.encode(), None)).decode()


def unseal(sealed: str, purpose: bytes) -> str:
    """Decrypt what `seal` gave; raises MasterKeyError if it was made under another master key, or was changed."""
    try:
        data = base64.b64decode(sealed, validate=True)
        return _cipher(purpose).decrypt(data[:_NONCE], data[_NONCE:], None).decode()
    except (InvalidTag, binascii.Error, ValueError):
        raise MasterKeyError(
            "what was encrypted cannot be decrypted: it was changed, or made under another master key. Give the "
            f"one it was made with, by {master_key.VARIABLE} or in {master_key.file_in(settings.PILLION.state)}"
        ) from None


def _cipher(purpose: bytes) -> AESGCM:
    key: MasterKey | None = settings.MASTER_KEY
    if key is None:
        raise MasterKeyError("there is no master key: identity has no configuration")
    return AESGCM(key.derive(purpose))
