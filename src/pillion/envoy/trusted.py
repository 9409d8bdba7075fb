"""Callers that another issuer vouches for: where jwt_authn leaves what their tokens say, apart from our own's.

Nothing that asks for a claim of a token finds another issuer's by accident: each has keys of its own.
"""

from collections.abc import Iterable

from envoy_data_plane.envoy.config.rbac.v3 import Principal
from envoy_data_plane.envoy.type.matcher.v3 import ValueMatcher

from pillion.envoy.matchers import (
    HEADER,
    JWT_NAMESPACE,
    PAYLOAD,
    SIGNED_IN,
    SOME_STRING,
    any_of,
    claim,
    from_metadata,
    list_with,
    metadata,
)
from pillion.plan.model import Issuer


def payload_key(issuer: Issuer) -> str:
    """Name where the claims of this issuer's tokens are left (JwtProvider.payload_in_metadata)."""
    return f"{PAYLOAD}-{issuer.name}"


def header_key(issuer: Issuer) -> str:
    """Name where the headers of this issuer's tokens are left (JwtProvider.header_in_metadata)."""
    return f"{HEADER}-{issuer.name}"


def claim_of(issuer: Issuer, path: Iterable[str], value: ValueMatcher) -> Principal:
    """Match a verified token of this issuer whose claim at `path` is `value`."""
    return from_metadata(metadata(JWT_NAMESPACE, (payload_key(issuer), *path), value))


def header_of(issuer: Issuer, name: str, value: ValueMatcher) -> Principal:
    """Match a verified token of this issuer whose header parameter `name` is `value`."""
    return from_metadata(metadata(JWT_NAMESPACE, (header_key(issuer), name), value))


def signed_in(trusted: Iterable[Issuer]) -> Principal:
    """Match whoever has shown a verified token, of our own or of one of these issuers."""
    others = [claim_of(issuer, issuer.user, SOME_STRING) for issuer in trusted]
    return any_of([SIGNED_IN, *others]) if others else SIGNED_IN


def with_role(roles: Iterable[str], trusted: Iterable[Issuer]) -> Principal:
    """Match whoever has shown a verified token with one of `roles` in it."""
    issuers = list(trusted)
    listed = [list_with(role) for role in roles]
    return any_of(
        [
            *(claim("roles", role) for role in listed),
            *(
                claim_of(issuer, issuer.roles, role)
                for issuer in issuers
                if issuer.roles is not None
                for role in listed
            ),
        ]
    )
