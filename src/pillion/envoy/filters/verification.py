"""Check the token: signature, issuer, audience and times (RFC 7519, section 4.1), with the public keys, offline.

The keys change while Envoy runs, so control streams this filter (`streamed`). A replaced filter starts with an
empty cache, so no token outlives its key there.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any as Json
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import RouteMatch
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import (
    JwtAuthentication,
    JwtCacheConfig,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtRequirement,
    JwtRequirementOrList,
    RequirementRule,
)
from envoy_data_plane.google.protobuf import Empty

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.matchers import HEADER, PAYLOAD, header_present
from pillion.envoy.trusted import header_key, payload_key
from pillion.plan.model import Issuer, Verification

# Our own among the issuers; no other is called so (`pillion.topology.trust`).
PROVIDER: Final = "pillion"
# The key sets by their issuers' names.
Keys = Mapping[str, DataSource]

# No token of another issuer may live longer: some hand them out for a day.
TRUSTED_LIFETIME: Final = timedelta(days=1)

# Tokens remembered as good, so that only their times are checked again. Measured (docs/benchmarks.md): 11 KB for
# each token, so 11 MB when full; with more users than that at the same time, each in turn, the cache costs a third
# more than it saves, but ten times the size would be six times an Envoy's memory.
CACHED_TOKENS: Final = 1000
# Envoy's default, spelt out: a longer token is checked in full each time.
CACHED_TOKEN_BYTES: Final = 4096


def keys_of(jwks: Mapping[str, Json]) -> DataSource:
    """Give a key set (RFC 7517, section 5) as a part of the configuration."""
    return DataSource(inline_string=json.dumps(jwks, sort_keys=True))


def known_keys(verification: Verification) -> Keys:
    """Name the files with the keys that were known when the Envoy started."""
    files = {
        PROVIDER: names.JWKS_FILE,
        **{issuer.name: names.trusted_keys_file(issuer.name) for issuer in verification.trusted},
    }
    return {name: DataSource(filename=names.known_file(file)) for name, file in files.items()}


def sidecar_verification(verification: Verification, keys: Keys) -> JwtAuthentication:
    """Refuse a bad token; let a missing one through to the rules, which may be open to anyone.

    The headers that tell the service who is calling are written here, straight from the claims: this also drops
    what anybody sent under their names. (For another issuer's token `trusted_caller` writes them.)
    """
    provider = _provider(verification, keys[PROVIDER])
    provider.claim_to_headers.append(_header_of("email", vocabulary.EMAIL_HEADER))
    provider.forward_payload_header = vocabulary.CLAIMS_HEADER
    return JwtAuthentication(
        providers={PROVIDER: provider, **_trusted(verification, keys)},
        rules=[
            RequirementRule(
                match=RouteMatch(prefix="/"),
                requires=_any(verification.trusted, JwtRequirement(allow_missing=Empty())),
            )
        ],
    )


def edge_verification(verification: Verification, keys: Keys) -> JwtAuthentication:
    """Refuse a bad token from a header; overlook one from a cookie, which may just be stale: renewal follows.

    Another issuer's token comes in a header only: the cookie is identity's.
    """
    provider = _provider(verification, keys[PROVIDER])
    # The token of a cookie, where the filter `browser` has put it; never beside an Authorization header.
    provider.from_headers.append(JwtHeader(name=names.TOKEN_HEADER, value_prefix="Bearer "))
    return JwtAuthentication(
        providers={PROVIDER: provider, **_trusted(verification, keys)},
        rules=[
            RequirementRule(
                match=RouteMatch(prefix="/", headers=[header_present(names.TOKEN_HEADER)]),
                requires=_any((), JwtRequirement(allow_missing_or_failed=Empty())),
            ),
            RequirementRule(
                match=RouteMatch(prefix="/"),
                requires=_any(verification.trusted, JwtRequirement(allow_missing=Empty())),
            ),
        ],
    )


def _any(trusted: tuple[Issuer, ...], otherwise: JwtRequirement) -> JwtRequirement:
    """Ask for a token of our own or of one of `trusted`, or for what `otherwise` allows."""
    issuers = (PROVIDER, *(issuer.name for issuer in trusted))
    return JwtRequirement(
        requires_any=JwtRequirementOrList(
            requirements=[*(JwtRequirement(provider_name=name) for name in issuers), otherwise]
        )
    )


def _provider(verification: Verification, keys: DataSource) -> JwtProvider:
    return JwtProvider(
        issuer=verification.issuer,
        audiences=[verification.audience],
        local_jwks=keys,
        from_headers=_bearer(),
        forward=True,
        claim_to_headers=[
            _header_of("sub", vocabulary.USER_HEADER),
            _header_of("sid", vocabulary.SID_HEADER),
            _header_of("jti", vocabulary.JTI_HEADER),
        ],
        payload_in_metadata=PAYLOAD,
        header_in_metadata=HEADER,
        clock_skew_seconds=vocabulary.LEEWAY_SECONDS,
        # Envoy reads `exp: 0` as no expiry; this demands one, not further off than any token's.
        require_expiration=True,
        max_lifetime=verification.max_lifetime + timedelta(seconds=vocabulary.LEEWAY_SECONDS),
        jwt_cache_config=_cache(),
    )


def _trusted(verification: Verification, keys: Keys) -> dict[str, JwtProvider]:
    """Check the tokens of other issuers alike, and leave what they say apart: none passes for one of ours."""
    return {
        issuer.name: JwtProvider(
            issuer=issuer.issuer,
            audiences=[issuer.audience],
            local_jwks=keys[issuer.name],
            from_headers=_bearer(),
            forward=True,
            payload_in_metadata=payload_key(issuer.name),
            header_in_metadata=header_key(issuer),
            clock_skew_seconds=vocabulary.LEEWAY_SECONDS,
            require_expiration=True,
            max_lifetime=TRUSTED_LIFETIME + timedelta(seconds=vocabulary.LEEWAY_SECONDS),
            jwt_cache_config=_cache(),
        )
        for issuer in verification.trusted
    }


def _bearer() -> list[JwtHeader]:
    """Say where a token is. Left out, Envoy takes `?access_token=` of a URL too (RFC 9700, section 4.3.2)."""
    return [JwtHeader(name="authorization", value_prefix=f"{scheme} ") for scheme in ("Bearer", "bearer")]


def _cache() -> JwtCacheConfig:
    return JwtCacheConfig(jwt_cache_size=CACHED_TOKENS, jwt_max_token_size=CACHED_TOKEN_BYTES)


def _header_of(claim: str, header: str) -> JwtClaimToHeader:
    return JwtClaimToHeader(claim_name=claim, header_name=header)
