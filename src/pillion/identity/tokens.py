"""Tokens: signed JWT access tokens (RFC 9068). Pure: no database, no clock, no randomness."""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from joserfc import jws, jwt
from joserfc.errors import JoseError

from pillion.identity import algorithms
from pillion.identity.algorithms import Key
from pillion.vocabulary import LEEWAY_SECONDS, TOKEN_TYPE

# What a token lets its bearer learn of the user (RFC 9068, section 2.2.3): the claims `email` and `roles`.
SCOPE: Final = "openid email"

# What tokens commonly say of how their bearer signed in (RFC 8176), as examples of it.
ONE_FACTOR: Final = ("pwd",)
TWO_FACTORS: Final = ("mfa", "otp", "pwd")

_as_json: Final = json.JSONEncoder(separators=(",", ":")).encode
_HEADER_NAMES: Final = frozenset({"alg", "typ", "kid"})
# A token is some 900 bytes; nothing longer is looked at.
_LONGEST: Final = 8192


class InvalidTokenError(Exception):
    """The token is refused; the message says why, and repeats nothing of it."""


@dataclass(frozen=True)
class Signer:
    """A private key, parsed once: parsing its PEM takes a hundred times as long as a signature."""

    kid: str
    algorithm: str
    key: Key

    @cached_property
    def header(self) -> str:
        """The header of its access tokens, as they carry it (RFC 7515, section 7.1): the same for all of them."""
        header = {"alg": self.algorithm, "typ": TOKEN_TYPE, "kid": self.kid}
        return _base64url(_as_json(header).encode())

    def sign(self, content: bytes) -> bytes:
        """Sign with the key, by its algorithm."""
        return self._signature(content)

    @cached_property
    def _signature(self) -> Callable[[bytes], bytes]:
        return algorithms.signature(self.algorithm, self.key)

    def __repr__(self) -> str:
        return f"Signer(kid={self.kid!r})"


@dataclass(frozen=True)
class VerifyingKey:
    """A public key, and the one algorithm that it is for (RFC 8725, section 3.1)."""

    algorithm: str
    key: Key


@dataclass(frozen=True)
class Realm:
    """Where tokens are good: `issuer` is the origin, `audience` the mesh."""

    issuer: str
    audience: str


class Grant(NamedTuple):
    """What a token says of its bearer. `auth_time` is in seconds since the epoch.

    `email` is empty when it is not known to be theirs: whoever reads it will believe it.
    A client that acts for itself has no email, and never signed in; one that acts for somebody else, by token
    exchange, is the `actor` (RFC 8693, section 4.1). What is None is left out.
    """

    sub: str
    sid: str
    client_id: str
    email: str | None
    roles: tuple[str, ...]
    auth_time: int | None
    amr: tuple[str, ...] | None
    scope: str = SCOPE
    actor: str | None = None


def mint(  # noqa: PLR0913 - purity has its price: what others would look up is given
    signer: Signer, realm: Realm, grant: Grant, *, now: int, lifetime: int, jti: uuid.UUID
) -> str:
    """Sign a token that is good from `now` (seconds since the epoch) for `lifetime` seconds."""
    times: dict[str, Any] = {"exp": now + lifetime, "iat": now, "jti": str(jti)}
    claims = _as_json(times | claims_of(realm, grant)).encode()
    signed = f"{signer.header}.{_base64url(claims)}"
    return f"{signed}.{_base64url(signer.sign(signed.encode()))}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def claims_of(realm: Realm, grant: Grant) -> dict[str, Any]:
    """Give what a token says of its bearer: all but its times and its id."""
    claims: dict[str, Any] = {
        "iss": realm.issuer,
        "sub": grant.sub,
        "aud": realm.audience,
        "sid": grant.sid,
        "client_id": grant.client_id,
        **({"email": grant.email} if grant.email else {}),
        "roles": list(grant.roles),
        "scope": grant.scope,
        "auth_time": grant.auth_time,
        "amr": None if grant.amr is None else list(grant.amr),
        "act": grant.actor and {"sub": grant.actor},
    }
    return {name: value for name, value in claims.items() if value is not None}


def verify(token: str, keys: Mapping[str, VerifyingKey], realm: Realm, *, now: int) -> dict[str, Any]:
    """Give the claims of a token of this realm that is good at `now`; raises InvalidTokenError.

    `keys` are the public keys by `kid`. As RFC 9068, section 4, and RFC 8725 ask, and stricter: only tokens
    of the exact form that `mint` gives are accepted.
    """
    try:
        if len(token) > _LONGEST:
            raise InvalidTokenError("it is too long")
        header = jws.extract_compact(token.encode("ascii")).headers()
        if set(header) != _HEADER_NAMES or header["typ"] != TOKEN_TYPE:
            raise InvalidTokenError("its header is not that of an access token")
        key = keys.get(str(header["kid"]))
        if key is None or header["alg"] != key.algorithm:
            raise InvalidTokenError("nobody here signed it")
        claims = jwt.decode(token, key.key, algorithms=[key.algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InvalidTokenError("it is not a token, or its signature is wrong") from None
    _check(claims, realm, now)
    return claims


def audience_of(token: str) -> str | None:
    """Give the audience that a token claims, before it is believed; None if it claims no single one."""
    try:
        if len(token) > _LONGEST:
            return None
        claims = json.loads(jws.extract_compact(token.encode("ascii")).payload)
    except (JoseError, ValueError, TypeError, RecursionError):
        return None
    audience = claims.get("aud") if isinstance(claims, dict) else None
    return audience if isinstance(audience, str) and audience else None


def _check(claims: dict[str, Any], realm: Realm, now: int) -> None:
    if claims.get("iss") != realm.issuer:
        raise InvalidTokenError("another issuer made it")
    if claims.get("aud") != realm.audience:
        raise InvalidTokenError("it is for another mesh")
    expires, issued = claims.get("exp"), claims.get("iat")
    # type(): `True` is an int to Python, and no time.
    if type(expires) is not int or type(issued) is not int:
        raise InvalidTokenError("its times are not whole seconds")
    if now >= expires + LEEWAY_SECONDS:
        raise InvalidTokenError("it has expired")
    if issued > now + LEEWAY_SECONDS:
        raise InvalidTokenError("it is from the future")
    if not all(isinstance(claims.get(name), str) and claims[name] for name in ("sub", "sid", "jti")):
        raise InvalidTokenError("it does not say whose it is")
