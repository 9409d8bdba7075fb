"""The pieces of which the routes of every listener are made."""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    RetryPolicy,
    Route,
    RouteAction,
    RouteMatch,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher
from envoy_data_plane.google.protobuf import Any

from pillion.envoy.matchers import header_is, header_like
from pillion.plan.paths import DOUBTFUL

# No limit on the whole: a download, an event stream or a WebSocket may last. The stream's idle time is limited.
NO_TIMEOUT: Final = timedelta(0)

# Only where the request cannot have reached anybody: while a process restarts, or closed an idle connection.
RETRIES: Final = RetryPolicy(retry_on="connect-failure,refused-stream,reset-before-request", num_retries=2)


def below(path: str, methods: tuple[str, ...] = ()) -> RouteMatch:
    """Match a path and all below it, by whole segments: `/public` does not take `/publicity`."""
    headers = [header_is(":method", *methods)] if methods else []
    if path == "/":
        return RouteMatch(prefix="/", headers=headers)
    return RouteMatch(path_separated_prefix=path, headers=headers)


def to_cluster(cluster: str, timeout: timedelta = NO_TIMEOUT) -> RouteAction:
    """Send on to `cluster`, which has `timeout` to answer in full once it has all of the request."""
    return RouteAction(cluster=cluster, timeout=timeout)


def answer(
    name: str, match: RouteMatch, status: int, body: str = "", config: dict[str, Any] | None = None
) -> Route:
    """Answer without asking anybody."""
    return Route(
        name=name,
        match=match,
        direct_response=DirectResponseAction(
            status=status, body=DataSource(inline_string=body) if body else None
        ),
        typed_per_filter_config=config or {},
    )


def doubtful_path(config: dict[str, Any]) -> Route:
    """Refuse, before any rule, a path that a framework may take for another one.

    An escaped control character: Python's `$` matches before a line end, so that `/reports%0a` would be `/reports`
    to the service and not to us. A semicolon: Java's servers cut it off with what follows in its segment
    (`/reports;x`, `/open/..;/reports`).
    """
    match = RouteMatch(safe_regex=RegexMatcher(regex=DOUBTFUL))
    return answer("malformed", match, 400, config=config)


def doubtful_host(config: dict[str, Any]) -> Route:
    """Refuse a request to two hosts: Envoy joins two `Host` headers by a comma (RFC 9112, section 3.2: refuse)."""
    return answer(
        "malformed", RouteMatch(prefix="/", headers=[header_like(":authority", ".*,.*")]), 400, config=config
    )
