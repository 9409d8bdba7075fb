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
    from_metadata,
    metadata,
)
from pillion.plan.conditions import OWN
from pillion.plan.model import Issuer


def payload_key(issuer: str) -> str:
    """Name where the claims of an issuer's tokens are left (JwtProvider.payload_in_metadata), by its name."""
    return PAYLOAD if issuer == OWN else f"{PAYLOAD}-{issuer}"


def header_key(issuer: Issuer) -> str:
    """Name where the headers of this issuer's tokens are left (JwtProvider.header_in_metadata)."""
    return f"{HEADER}-{issuer.name}"


def claim_of(issuer: Issuer, path: Iterable[str], value: ValueMatcher) -> Principal:
    """Match a verified token of this issuer whose claim at `path` is `value`."""
    return from_metadata(metadata(JWT_NAMESPACE, (payload_key(issuer.name), *path), value))


def header_of(issuer: Issuer, name: str, value: ValueMatcher) -> Principal:
    """Match a verified token of this issuer whose header parameter `name` is `value`."""
    return from_metadata(metadata(JWT_NAMESPACE, (header_key(issuer), name), value))
