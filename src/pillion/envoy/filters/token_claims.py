"""Refuse tokens of revoked sessions, and what jwt_authn takes although RFC 7515, 7519, 8725 and 9068 do not.

Every policy speaks of a token whose signature, issuer, expiry and (loosely) audience have just been verified;
a request without a token matches none of them. All are in one filter because a filter costs more than a policy:
so the list of revoked sessions, which control streams, takes the other policies along.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.rbac.v3 import Policy, Principal, RbacAction
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as Rules
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac
from envoy_data_plane.envoy.extensions.string_matcher.lua.v3 import Lua
from envoy_data_plane.envoy.type.matcher.v3 import DoubleMatcher, RegexMatcher, StringMatcher, ValueMatcher
from envoy_data_plane.envoy.type.v3 import DoubleRange
from envoy_data_plane.xds.core.v3 import TypedExtensionConfig

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.known import revoked_script
from pillion.envoy.matchers import (
    JWT_NAMESPACE,
    PAYLOAD,
    SOME_STRING,
    all_of,
    any_of,
    claim,
    from_metadata,
    header_like,
    list_with,
    metadata,
    not_,
    policy,
    string,
    token_header,
)
from pillion.envoy.packed import pack
from pillion.envoy.trusted import claim_of, header_of
from pillion.plan.model import Issuer, Verification

_PRESENT: Final = ValueMatcher(present_match=True)
# A NumericDate (RFC 7519, section 2): a number, not a string; up to the year 9999.
_NUMERIC_DATE: Final = ValueMatcher(double_match=DoubleMatcher(range=DoubleRange(start=1, end=253402300800)))

# A key or an algorithm that the token itself brings along is a forger's (RFC 8725, sections 3.1 and 3.10); an
# extension that we do not know must be refused (RFC 7515, section 4.1.11; RFC 7797 for b64); and what says that
# it is encrypted or holds another token (RFC 7516, section 9; RFC 7519, section 5.2) is not a set of claims.
FORBIDDEN_HEADERS: Final = ("b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip")

# RFC 9068, section 2.2, and `sid`, by which a token is revoked. `exp` and `nbf` are jwt_authn's business.
REQUIRED_CLAIMS: Final = {
    "client_id": SOME_STRING,
    "iat": _NUMERIC_DATE,
    "jti": SOME_STRING,
    "sid": SOME_STRING,
    "sub": SOME_STRING,
}

# How long an ECDSA signature is in base64url (RFC 7518, section 3.4). Envoy halves whatever it is given: with
# zeros before each half, or one byte behind, the same token would have other spellings.
ECDSA_SIGNATURES: Final = {"ES256": 86, "ES384": 128, "ES512": 176}

# Media types are compared without case, and `application/` may be left out (RFC 7515, section 4.1.9).
_AN_ACCESS_TOKENS_TYPE: Final = ValueMatcher(
    string_match=StringMatcher(safe_regex=RegexMatcher(regex=r"(?i)(?:application/)?(?:at\+)?jwt"))
)

# The sessions that were known to be revoked when the Envoy started.
KNOWN_REVOKED: Final = DataSource(filename=names.known_file(names.REVOKED_FILE))


def revoked_of(revoked: Iterable[str]) -> DataSource:
    """Give the ids of revoked sessions as a part of the configuration."""
    return DataSource(inline_string=revoked_script(revoked))


def token_claims(verification: Verification, revoked: DataSource) -> Rbac:
    """Refuse with a policy whose name, `token-…`, says why."""
    policies = {
        "token-audience": _unless(_audience(verification.audience)),
        "token-claims": _unless(all_of(claim(name, value) for name, value in REQUIRED_CLAIMS.items())),
        "token-headers": policy(any_of(token_header(name, _PRESENT) for name in FORBIDDEN_HEADERS)),
        "token-kid": _unless(token_header("kid", SOME_STRING)),
        "token-revoked": policy(_session_in(revoked)),
        "token-signature": policy(_signature_of_odd_length(token_header, vocabulary.SIGNING_ALGORITHMS)),
        "token-type": _unless(token_header("typ", string(vocabulary.TOKEN_TYPE))),
    }
    for issuer in verification.trusted:
        policies |= {f"{name}-of-{issuer.name}": refused for name, refused in _trusted(issuer).items()}
    return Rbac(rules_stat_prefix="token_claims", rules=Rules(action=RbacAction.DENY, policies=policies))


def _trusted(issuer: Issuer) -> dict[str, Policy]:
    """Refuse, of another issuer's tokens, what no issuer's may be, and one that names nobody.

    Other issuers give access tokens many types, or none; but what says that it is something else (a logout token,
    a DPoP proof) is not one (RFC 8725, section 3.11).
    """
    verified = claim_of(issuer, ("iss",), _PRESENT)

    def unless(principal: Principal) -> Policy:
        return policy(all_of([verified, not_(principal)]))

    audiences = (string(issuer.audience), list_with(issuer.audience))
    return {
        "token-audience": unless(any_of(claim_of(issuer, ("aud",), audience) for audience in audiences)),
        "token-headers": policy(any_of(header_of(issuer, name, _PRESENT) for name in FORBIDDEN_HEADERS)),
        "token-signature": policy(_signature_of_odd_length(partial(header_of, issuer), ECDSA_SIGNATURES)),
        "token-type": policy(
            all_of(
                [header_of(issuer, "typ", _PRESENT), not_(header_of(issuer, "typ", _AN_ACCESS_TOKENS_TYPE))]
            )
        ),
        "token-user": unless(claim_of(issuer, issuer.user, SOME_STRING)),
    }


def _session_in(revoked: DataSource) -> Principal:
    """Match a session in the list, by the header that jwt_authn has just written from the claim `sid`."""
    listed = TypedExtensionConfig(name="revoked", typed_config=pack(Lua(source_code=revoked)))
    return Principal(
        header=HeaderMatcher(name=vocabulary.SID_HEADER, string_match=StringMatcher(custom=listed))
    )


def _signature_of_odd_length(
    header: Callable[[str, ValueMatcher], Principal], algorithms: Iterable[str]
) -> Principal:
    """Match an ECDSA signature that is not as long as it must be; `header` matches a parameter of the token's."""
    return any_of(
        all_of([header("alg", string(algorithm)), not_(_signed_in(ECDSA_SIGNATURES[algorithm]))])
        for algorithm in algorithms
        if algorithm in ECDSA_SIGNATURES
    )


def _signed_in(length: int) -> Principal:
    """Match a token with a signature so long, in the one header of the two that holds it."""
    like = rf".+\.[A-Za-z0-9_-]{{{length}}}"
    return any_of(Principal(header=header_like(name, like)) for name in ("authorization", names.TOKEN_HEADER))


def _verified() -> Principal:
    """Match a request whose token jwt_authn has verified, whatever it says."""
    return from_metadata(metadata(JWT_NAMESPACE, (PAYLOAD, "iss"), _PRESENT))


def _unless(principal: Principal) -> Policy:
    return policy(all_of([_verified(), not_(principal)]))


def _audience(audience: str) -> Principal:
    """Match `aud` as a string or in a list (RFC 7519, section 4.1.3), to the letter.

    jwt_authn itself ignores a scheme in front and a slash behind.
    """
    return any_of([claim("aud", string(audience)), claim("aud", list_with(audience))])
