"""The keys as they are used: the one that signs now, and those that a living token may be signed with."""

import time
from typing import Any, Final

from django.db import close_old_connections

from pillion.identity import algorithms, key_rows, sql
from pillion.identity.models import SigningKey
from pillion.identity.tokens import Signer, VerifyingKey

# While a key that was given away is replaced, none signs for the moment until the Envoys know the next one.
PATIENCE_SECONDS: Final = 2.0
_POLL_SECONDS: Final = 0.02

_SIGNING: Final = f"SELECT kid FROM {sql.table(SigningKey)} WHERE state = 'signing'"  # noqa: S608 - constants
# Likewise, within another query; NULL if there is none.
SIGNING_KID: Final = f"({_SIGNING})"
_NOT_PREPARED: Final = (
    "there is no signing key just now: if that lasts, run `python -m pillion.identity prepare`"
)


class NoSigningKeyError(Exception):
    """There is no key to sign with: identity was not prepared, or the key is being replaced."""


def signer() -> Signer:
    """Load and decrypt the key that signs now; raises NoSigningKeyError or MasterKeyError.

    Where none signs just now but one is about to, that one is waited for.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (row := SigningKey.objects.filter(state=SigningKey.State.SIGNING).first()) is None:
        announced = SigningKey.objects.filter(state=SigningKey.State.ANNOUNCED)
        if time.monotonic() > deadline or not announced.exists():
            raise NoSigningKeyError(_NOT_PREPARED)
        close_old_connections()  # of a pool: many wait here at once, and it has fewer
        time.sleep(_POLL_SECONDS)
    return Signer(kid=row.kid, algorithm=row.algorithm, key=key_rows.private_key(row))


def signing_kid() -> str:
    """Name the key that signs now; raises NoSigningKeyError."""
    kid: str | None = sql.scalar(_SIGNING)
    if kid is None:
        raise NoSigningKeyError(_NOT_PREPARED)
    return kid


def public_keys() -> dict[str, VerifyingKey]:
    """Give the keys that a token may be signed with, by kid."""
    return {
        jwk["kid"]: VerifyingKey(algorithm=jwk["alg"], key=algorithms.public_key(jwk))
        for jwk in jwks()["keys"]
    }


def jwks() -> dict[str, list[dict[str, Any]]]:
    """Give the public keys as a JSON Web Key Set (RFC 7517, section 5): what control tells the Envoys, too."""
    shown = SigningKey.objects.exclude(state=SigningKey.State.GONE).order_by("created_at", "kid")
    return {"keys": list(shown.values_list("public_jwk", flat=True))}
