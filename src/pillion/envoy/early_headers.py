"""Drop, before anything else looks at a request, every header by which it could pass for another than it is.

Done as an early header mutation, so that no route, no exempt path and no CORS preflight is left out (in
envoyproxy/envoy#46586 forged headers passed where a filter was disabled for a route).
"""

from typing import Final

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import (
    HeaderMutation as Mutation,
)
from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation.v3 import HeaderMutation
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher

from pillion import vocabulary
from pillion.envoy.packed import pack
from pillion.envoy.shared import shared

# Our own names, in every spelling: some servers read `x.pillion.user` as `x-pillion-user` (CVE-2025-64484); names
# with underscores are refused altogether.
OWN_NAMES: Final = vocabulary.HEADER_PREFIX.replace("-", "[^a-z0-9]") + ".*"

# Envoy's orders to itself.
ENVOY_PREFIX: Final = "x-envoy-"
# Likewise: makes Envoy trace a request, and write the header's value into the span.
TRACE_ORDER: Final = "x-client-trace-id"

# By these, common proxies tell an application who is calling; an application behind Pillion may still believe
# them. First whole families, then single names.
FOREIGN_PREFIXES: Final = (
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-authenticated-",
    "x-authentik-",
    "x-consumer-",
    "x-pomerium-",
    "x-ssl-client-",
    "cf-access-",
    "ssl-client-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-ms-client-principal",
)
FOREIGN_NAMES: Final = (
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "x-email",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-groups",
    "x-remote-user",
    "x-auth-user",
    "x-username",
    "x-userinfo",
    "x-webauth-user",
    "x-roles",
    "x-tenant-id",
    "x-user",
    "x-user-email",
    "x-user-id",
    "x-userid",
)

# By these, some frameworks take a request for another than the one that the rules were applied to: another path
# (CVE-2018-14773), another method.
OVERRIDE_NAMES: Final = (
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
)


# Who calls, in any spelling. At identity and control, where the edge's other headers are to be believed.
WORKLOAD_NAMES: Final = vocabulary.WORKLOAD_HEADER.replace("-", "[^a-z0-9]")


@shared
def drop_identity_headers() -> TypedExtensionConfig:
    """Remove the headers named above."""
    return _drop(_dropped())


@shared
def drop_workload_headers() -> TypedExtensionConfig:
    """Remove those by which somebody could pass for another workload, and Envoy's orders to itself."""
    return _drop(f"{WORKLOAD_NAMES}|{ENVOY_PREFIX}.*|{TRACE_ORDER}")


def _drop(names: str) -> TypedExtensionConfig:
    mutation = Mutation(
        remove_on_match=HeaderMutationRemoveOnMatch(
            key_matcher=StringMatcher(safe_regex=RegexMatcher(regex=names))
        )
    )
    return TypedExtensionConfig(
        name="pillion.drop-identity-headers", typed_config=pack(HeaderMutation(mutations=[mutation]))
    )


def _dropped() -> str:
    """Match every name in one pass over the headers: a mutation for each would be a pass for each."""
    families = [OWN_NAMES, *(f"{prefix}.*" for prefix in (ENVOY_PREFIX, *FOREIGN_PREFIXES))]
    return "|".join((*families, TRACE_ORDER, *FOREIGN_NAMES, *OVERRIDE_NAMES))
