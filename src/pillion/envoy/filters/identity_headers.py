"""Tell the service the caller's roles; the other identity headers are written by `verification` already."""

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from envoy_data_plane.envoy.config.core.v3 import (
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
)
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation, Mutations
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion import vocabulary
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.matchers import JWT_NAMESPACE, PAYLOAD


def identity_headers() -> HttpFilter:
    """Set the roles' header from the token's claim."""
    return http_filter(
        "pillion.identity-headers",
        HeaderMutation(
            mutations=Mutations(
                request_mutations=[
                    Mutation(
                        append=HeaderValueOption(
                            header=HeaderValue(
                                key=vocabulary.ROLES_HEADER,
                                value=f"%DYNAMIC_METADATA({JWT_NAMESPACE}:{PAYLOAD}:roles)%",
                            ),
                            append_action=HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
                        )
                    )
                ]
            )
        ),
    )
