"""Signing keys as rows: made, the private half encrypted (AES-GCM) under the master key, and read again."""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils import timezone

from pillion.identity import algorithms, master_key
from pillion.identity.algorithms import Key
from pillion.identity.master_key import MasterKey, MasterKeyError
from pillion.identity.models import SigningKey

_NONCE: Final = 12  # bytes, the only length that GCM takes without hashing (NIST SP 800-38D, section 8.2)


def create(algorithm: str, state: SigningKey.State) -> SigningKey:
    """Make a key pair and write it down; raises IntegrityError where there may be only one in that state."""
    key = algorithms.new_key(algorithm)
    kid = key.thumbprint()  # RFC 7638, SHA-256
    public = {name: value for name, value in key.as_dict(private=False).items() if isinstance(value, str)}
    now = timezone.now()
    return SigningKey.objects.create(
        kid=kid,
        algorithm=algorithm,
        state=state,
        private_key=_encrypt(key.as_pem(private=True), kid),
        public_jwk={**public, "kid": kid, "use": "sig", "alg": algorithm},
        created_at=now,
        signing_since=now if state == SigningKey.State.SIGNING else None,
    )


def private_key(row: SigningKey) -> Key:
    """Decrypt a row's private key; raises MasterKeyError."""
    return algorithms.private_key(row.algorithm, _decrypt(row))


def _cipher() -> AESGCM:
    key: MasterKey | None = settings.MASTER_KEY
    if key is None:
        raise MasterKeyError("there is no master key: identity has no configuration")
    return AESGCM(key.derive(master_key.SIGNING_KEYS))


def _encrypt(secret: bytes, kid: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    # The kid as associated data: a row's secret cannot be moved to another row.
    return nonce + _cipher().encrypt(nonce, secret, kid.encode())


def _decrypt(row: SigningKey) -> bytes:
    sealed = bytes(row.private_key)
    try:
        return _cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], row.kid.encode())
    except InvalidTag:
        raise MasterKeyError(
            f"the signing key {row.kid} cannot be decrypted: it was encrypted under another master key. "
            f"Give the one it was made with, by {master_key.VARIABLE} "
            f"or in {master_key.file_in(settings.PILLION.state)}; "
            "if it is lost, 'pillion keys replace' makes a new key"
        ) from None
