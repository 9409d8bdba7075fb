"""Hand gRPC to the service over HTTP/2 and everything else over HTTP/1.1, whatever the request came in."""

from typing import Final

from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
from envoy_data_plane.envoy.config.route.v3 import ClusterSpecifierPlugin
from envoy_data_plane.envoy.extensions.router.cluster_specifiers.matcher.v3 import (
    ClusterAction,
    MatcherClusterSpecifier,
)
from envoy_data_plane.envoy.type.matcher.v3 import HttpRequestHeaderMatchInput
from envoy_data_plane.xds.core.v3 import TypedExtensionConfig as XdsExtension
from envoy_data_plane.xds.type.matcher.v3 import (
    Matcher,
    MatcherMatcherList,
    MatcherMatcherListFieldMatcher,
    MatcherMatcherListPredicate,
    MatcherMatcherListPredicateSinglePredicate,
    MatcherOnMatch,
    StringMatcher,
)

from pillion.envoy import names
from pillion.envoy.packed import pack
from pillion.envoy.shared import shared

# `application/grpc` and its `+proto`, `+json`; also gRPC-Web, which a service that speaks it takes on HTTP/2 too.
CONTENT_TYPE: Final = "application/grpc"


@shared
def app_or_grpc() -> ClusterSpecifierPlugin:
    """Choose between the two clusters that lead to the service."""
    return ClusterSpecifierPlugin(
        extension=TypedExtensionConfig(
            name="pillion.app-or-grpc",
            typed_config=pack(
                MatcherClusterSpecifier(
                    cluster_matcher=Matcher(
                        matcher_list=MatcherMatcherList(
                            matchers=[
                                MatcherMatcherListFieldMatcher(
                                    predicate=_header_starts_with("content-type", CONTENT_TYPE),
                                    on_match=_cluster(names.APP_GRPC),
                                )
                            ]
                        ),
                        on_no_match=_cluster(names.APP),
                    )
                )
            ),
        )
    )


def _header_starts_with(header: str, prefix: str) -> MatcherMatcherListPredicate:
    return MatcherMatcherListPredicate(
        single_predicate=MatcherMatcherListPredicateSinglePredicate(
            input=XdsExtension(
                name="header", typed_config=pack(HttpRequestHeaderMatchInput(header_name=header))
            ),
            value_match=StringMatcher(prefix=prefix),
        )
    )


def _cluster(name: str) -> MatcherOnMatch:
    return MatcherOnMatch(action=XdsExtension(name=name, typed_config=pack(ClusterAction(cluster=name))))
