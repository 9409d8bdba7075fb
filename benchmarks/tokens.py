"""Tokens to measure with, of a mesh that is only measured."""

import uuid
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.envoy.forge import Forge

ISSUER: Final = "http://localhost:8080"
AUDIENCE: Final = "bench"
# Longer than the measuring takes.
LIFETIME: Final = {"now": 3000}


def new_forge() -> Forge:
    """Make the key pair of a run, of the size that identity makes."""
    return Forge(ISSUER, AUDIENCE)


def token(forge: Forge) -> str:
    """Sign a token for a new user."""
    return forge.make({"claims": {"sub": str(uuid.uuid4()), "sid": str(uuid.uuid4()), "exp": LIFETIME}})


def public_pem(forge: Forge) -> str:
    """Give the public key, as HAProxy wants it."""
    return forge.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
