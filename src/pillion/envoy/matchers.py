"""The few matchers that several filters share: headers, and what a verified token says."""

from collections.abc import Iterable
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
from envoy_data_plane.envoy.config.rbac.v3 import (
    MetadataSource,
    Permission,
    Policy,
    Principal,
    PrincipalSet,
    SourcedMetadata,
)
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher
from envoy_data_plane.envoy.extensions.rbac.principals.mtls_authenticated.v3 import (
    Config as MtlsAuthenticated,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
)
from envoy_data_plane.envoy.type.matcher.v3 import (
    ListMatcher,
    MetadataMatcher,
    MetadataMatcherPathSegment,
    RegexMatcher,
    StringMatcher,
    ValueMatcher,
)

from pillion.envoy.packed import pack
from pillion.envoy.shared import shared
from pillion.plan.conditions import VISIBLE

# Where jwt_authn leaves what it verified (JwtProvider.payload_in_metadata, .header_in_metadata).
JWT_NAMESPACE: Final = "envoy.filters.http.jwt_authn"
PAYLOAD: Final = "payload"
HEADER: Final = "header"

# A string of visible ASCII, at least one character; a missing claim, a number or an empty string is not one.
SOME_STRING: Final = ValueMatcher(string_match=StringMatcher(safe_regex=RegexMatcher(regex=VISIBLE)))


def string(value: str) -> ValueMatcher:
    """Match a value that is exactly this string."""
    return ValueMatcher(string_match=StringMatcher(exact=value))


def list_with(value: str) -> ValueMatcher:
    """Match a list in which this string occurs."""
    return ValueMatcher(list_match=ListMatcher(one_of=string(value)))


def metadata(namespace: str, path: Iterable[str], value: ValueMatcher) -> MetadataMatcher:
    """Match dynamic metadata at `path` in `namespace`."""
    return MetadataMatcher(
        filter=namespace, path=[MetadataMatcherPathSegment(key=key) for key in path], value=value
    )


def claim(name: str, value: ValueMatcher) -> Principal:
    """Match a verified token whose claim `name` is `value`; false where there is no verified token."""
    return _verified(PAYLOAD, name, value)


def token_header(name: str, value: ValueMatcher) -> Principal:
    """Match a verified token whose header parameter `name` (RFC 7515, section 4.1) is `value`."""
    return _verified(HEADER, name, value)


def _verified(part: str, name: str, value: ValueMatcher) -> Principal:
    return from_metadata(metadata(JWT_NAMESPACE, (part, name), value))


def from_metadata(matcher: MetadataMatcher) -> Principal:
    """Make a principal of dynamic metadata."""
    return Principal(
        sourced_metadata=SourcedMetadata(metadata_matcher=matcher, metadata_source=MetadataSource.DYNAMIC)
    )


@shared
def san(spiffe_id: str) -> SubjectAltNameMatcher:
    """Match a certificate of the workload that is called so (X509-SVID, section 2), to the letter."""
    return SubjectAltNameMatcher(
        san_type=SubjectAltNameMatcherSanType.URI, matcher=StringMatcher(exact=spiffe_id)
    )


def caller_is(spiffe_ids: Iterable[str]) -> Principal:
    """Match who connected with a certificate of one of these workloads; nobody, if there are none."""
    known = [_connected_as(spiffe_id) for spiffe_id in spiffe_ids]
    return any_of(known) if known else not_(ANYBODY)


@shared
def _connected_as(spiffe_id: str) -> Principal:
    proof = MtlsAuthenticated(san_matcher=san(spiffe_id))
    return Principal(custom=TypedExtensionConfig(name="mtls", typed_config=pack(proof)))


def not_(principal: Principal) -> Principal:
    """Match everybody else."""
    return Principal(not_id=principal)


def any_of(principals: Iterable[Principal]) -> Principal:
    """Match whoever is at least one of these."""
    return Principal(or_ids=PrincipalSet(ids=list(principals)))


def all_of(principals: Iterable[Principal]) -> Principal:
    """Match whoever is all of these."""
    from_list = list(principals)
    return Principal(and_ids=PrincipalSet(ids=from_list))


ANYBODY: Final = Principal(any=True)


def policy(principal: Principal, permission: Permission | None = None) -> Policy:
    """Apply to `principal`, for the requests that `permission` describes (all, if left out)."""
    return Policy(permissions=[permission or Permission(any=True)], principals=[principal])


@shared
def header_present(name: str) -> HeaderMatcher:
    """Match a request that has this header."""
    return HeaderMatcher(name=name, present_match=True)


@shared
def header_is(name: str, *values: str) -> HeaderMatcher:
    """Match a request whose header has one of these values."""
    if len(values) == 1:
        return HeaderMatcher(name=name, string_match=StringMatcher(exact=values[0]))
    return header_like(name, "|".join(values))


@shared
def header_like(name: str, regex: str) -> HeaderMatcher:
    """Match a request whose header matches this regular expression (RE2) from end to end."""
    return HeaderMatcher(name=name, string_match=StringMatcher(safe_regex=RegexMatcher(regex=regex)))
