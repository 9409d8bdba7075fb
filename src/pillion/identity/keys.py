"""Signing keys in the database: made, encrypted at rest, loaded, shown in public."""

import secrets
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from joserfc.jwk import RSAKey

from pillion.identity import master_key
from pillion.identity.master_key import MasterKey, MasterKeyError
from pillion.identity.models import SigningKey
from pillion.identity.tokens import Signer
from pillion.vocabulary import SIGNING_ALGORITHM

_BITS: Final = 2048  # NIST SP 800-131A: enough until 2030; twice as long signs at a fifth of the speed
_NONCE: Final = 12  # bytes, the only length that GCM takes without hashing (NIST SP 800-38D, section 8.2)

_NOT_PREPARED: Final = "there is no signing key yet: run `python -m pillion.identity prepare`"


class NoSigningKeyError(Exception):
    """There is no key to sign with: identity was not prepared."""


def ensure_signing_key() -> None:
    """Make the first signing key, unless there is one; of several that try at once, one succeeds.

    Raises MasterKeyError when the key that is there was encrypted under another master key.
    """
    if not _signing().exists():
        key = RSAKey.generate_key(_BITS, auto_kid=False)
        try:
            with transaction.atomic():
                _store(key)
        except IntegrityError:  # another process was quicker: one_signing_key_per_algorithm
            pass
    signer()


def signer() -> Signer:
    """Load and decrypt the key that signs now; raises NoSigningKeyError or MasterKeyError."""
    row = _signing().first()
    if row is None:
        raise NoSigningKeyError(_NOT_PREPARED)
    return Signer(kid=row.kid, key=RSAKey.import_key(_decrypt(row)))


def signing_kid() -> str:
    """Name the key that signs now; raises NoSigningKeyError."""
    kid: str | None = _signing().values_list("kid", flat=True).first()
    if kid is None:
        raise NoSigningKeyError(_NOT_PREPARED)
    return kid


def public_keys() -> dict[str, RSAKey]:
    """Give the keys that a token may be signed with, by kid."""
    return {jwk["kid"]: RSAKey.import_key(jwk) for jwk in jwks()["keys"]}


def jwks() -> dict[str, list[dict[str, Any]]]:
    """Give the public keys as a JSON Web Key Set (RFC 7517, section 5): all but what no living token uses."""
    shown = SigningKey.objects.exclude(state=SigningKey.State.RETIRED).order_by("created_at", "kid")
    return {"keys": list(shown.values_list("public_jwk", flat=True))}


def _signing() -> Any:
    return SigningKey.objects.filter(state=SigningKey.State.SIGNING, algorithm=SIGNING_ALGORITHM)


def _store(key: RSAKey) -> None:
    kid = key.thumbprint()  # RFC 7638, SHA-256
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "n", "e")}
    SigningKey.objects.create(
        kid=kid,
        algorithm=SIGNING_ALGORITHM,
        state=SigningKey.State.SIGNING,
        private_key=_encrypt(key.as_pem(private=True), kid),
        public_jwk={**public, "kid": kid, "use": "sig", "alg": SIGNING_ALGORITHM},
        created_at=timezone.now(),
    )


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
            f"Give the one it was made with, by {master_key.VARIABLE} or "
            f"in {master_key.file_in(settings.PILLION.state)}"
        ) from None
