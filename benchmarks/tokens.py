"""Tokens to measure with, signed with a key made for the run."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from pillion.vocabulary import SIGNING_ALGORITHM, TOKEN_TYPE

ISSUER = "http://localhost:8080"
AUDIENCE = "bench"
LIFETIME = 3000


@dataclass(frozen=True)
class Signer:
    """A fresh key pair."""

    key: RSAKey
    kid: str

    @property
    def jwks(self) -> dict[str, Any]:
        """Give the public key set."""
        public = self.key.as_dict(private=False)
        return {"keys": [{**public, "kid": self.kid, "alg": SIGNING_ALGORITHM, "use": "sig"}]}

    @property
    def pem(self) -> str:
        """Give the public key, as HAProxy wants it."""
        return self.key.as_pem(private=False).decode()

    def token(self) -> str:
        """Sign a token for a new user."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(uuid.uuid4()),
            "iat": now,
            "exp": now + LIFETIME,
            "jti": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            "client_id": "edge",
            "email": "ada@example.com",
            "roles": ["buyer", "manager"],
            "scope": "",
            "auth_time": now,
            "amr": ["pwd"],
        }
        header = {"alg": SIGNING_ALGORITHM, "typ": TOKEN_TYPE, "kid": self.kid}
        return jwt.encode(header, claims, self.key)


def new_signer() -> Signer:
    """Make a key pair of the size that identity makes."""
    key = RSAKey.generate_key(2048, private=True)
    return Signer(key, key.thumbprint())
