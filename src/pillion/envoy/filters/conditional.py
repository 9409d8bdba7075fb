"""A filter that runs only for requests with certain headers, or only for those without one."""

from collections.abc import Sequence

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import TypedExtensionConfig
from envoy_data_plane.envoy.extensions.common.matching.v3 import ExtensionWithMatcher
from envoy_data_plane.envoy.extensions.filters.common.matcher.action.v3 import SkipFilter
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import HttpRequestHeaderMatchInput
from envoy_data_plane.xds.core.v3 import TypedExtensionConfig as XdsExtension
from envoy_data_plane.xds.type.matcher.v3 import (
    Matcher,
    MatcherMatcherList,
    MatcherMatcherListFieldMatcher,
    MatcherMatcherListPredicate,
    MatcherMatcherListPredicatePredicateList,
    MatcherMatcherListPredicateSinglePredicate,
    MatcherOnMatch,
    RegexMatcher,
    RegexMatcherGoogleRe2,
)
from envoy_data_plane.xds.type.matcher.v3 import StringMatcher as XdsStringMatcher

from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.packed import pack


def only_with(headers: Sequence[str], name: str, config: betterproto2.Message) -> HttpFilter:
    """Make a filter that runs where the filters before it have left one of these headers."""
    return _skipping(MatcherMatcherListPredicate(not_matcher=_any_present(headers)), name, config)


def only_without(header: str, name: str, config: betterproto2.Message) -> HttpFilter:
    """Make a filter that runs where the filters before it have not left this header."""
    return _skipping(_present(header), name, config)


def _skipping(where: MatcherMatcherListPredicate, name: str, config: betterproto2.Message) -> HttpFilter:
    """Write a list of one exception to the rule."""
    skip = MatcherOnMatch(action=XdsExtension(name="skip", typed_config=pack(SkipFilter())))
    return http_filter(
        name,
        ExtensionWithMatcher(
            extension_config=TypedExtensionConfig(name=name, typed_config=pack(config)),
            xds_matcher=Matcher(
                matcher_list=MatcherMatcherList(
                    matchers=[MatcherMatcherListFieldMatcher(predicate=where, on_match=skip)]
                )
            ),
        ),
    )


def _any_present(headers: Sequence[str]) -> MatcherMatcherListPredicate:
    found = [_present(header) for header in headers]
    if len(found) == 1:
        return found[0]
    return MatcherMatcherListPredicate(or_matcher=MatcherMatcherListPredicatePredicateList(predicate=found))


def _present(header: str) -> MatcherMatcherListPredicate:
    return MatcherMatcherListPredicate(
        single_predicate=MatcherMatcherListPredicateSinglePredicate(
            input=XdsExtension(
                name="header", typed_config=pack(HttpRequestHeaderMatchInput(header_name=header))
            ),
            value_match=XdsStringMatcher(
                safe_regex=RegexMatcher(google_re2=RegexMatcherGoogleRe2(), regex=".+")
            ),
        )
    )
