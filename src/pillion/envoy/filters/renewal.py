"""Ask identity for a fresh token: once, and only for a session that has no valid one, or for an API key.

Identity answers 200 whenever it could look, with a token or without, and 401 for a key that is none. When it
cannot be asked the request goes on, marked: an open path is served all the same, and what needs a user is told
that it is not the user's fault.
"""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import HttpUri
from envoy_data_plane.envoy.config.route.v3 import FilterConfig
from envoy_data_plane.envoy.extensions.filters.http.ext_authz.v3 import (
    AuthorizationResponse,
    ExtAuthz,
    HttpService,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import ListStringMatcher, StringMatcher
from envoy_data_plane.google.protobuf import Any

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.conditional import only_with
from pillion.envoy.matchers import JWT_NAMESPACE, PAYLOAD, SOME_STRING, metadata
from pillion.envoy.packed import pack
from pillion.plan.model import Identity

TIMEOUT: Final = timedelta(seconds=2)
# Where ext_authz leaves the headers of identity's answer that `dynamic_metadata_from_headers` names.
NAMESPACE: Final = "envoy.filters.http.ext_authz"
_ASKS: Final = (vocabulary.SESSION_HEADER, vocabulary.API_KEY_HEADER)
# What Envoy adds to a request that went on although identity could not be asked.
UNANSWERED_HEADER: Final = "x-envoy-auth-failure-mode-allowed"


def renewal(identity: Identity) -> HttpFilter:
    """Run only where a session cookie or an API key came along and no token was verified."""
    no_valid_token = metadata(JWT_NAMESPACE, (PAYLOAD, "sub"), SOME_STRING)
    no_valid_token.invert = True
    ask = ExtAuthz(
        http_service=HttpService(
            server_uri=HttpUri(
                uri="http://identity", cluster=names.identity_cluster(identity.address), timeout=TIMEOUT
            ),
            path_prefix=vocabulary.RENEWAL_PATH,
            authorization_response=AuthorizationResponse(
                allowed_upstream_headers=_exactly(
                    "authorization", vocabulary.USER_HEADER, vocabulary.SID_HEADER
                ),
                allowed_client_headers_on_success=_exactly("set-cookie"),
                dynamic_metadata_from_headers=_exactly(vocabulary.USER_HEADER),
            ),
        ),
        allowed_headers=_exactly(*_ASKS),
        filter_enabled_metadata=no_valid_token,
        failure_mode_allow=True,
        failure_mode_allow_header_add=True,
        stat_prefix="renewal",
    )
    return only_with(_ASKS, names.RENEWAL, ask)


def no_renewal() -> dict[str, Any]:
    """Give the configuration of a route that never needs a fresh token."""
    return {names.RENEWAL: pack(FilterConfig(disabled=True))}


def _exactly(*headers: str) -> ListStringMatcher:
    return ListStringMatcher(patterns=[StringMatcher(exact=header) for header in headers])
