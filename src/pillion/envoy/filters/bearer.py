"""Hand the token of a cookie on as `Authorization: Bearer`, once it has been verified.

A stale one stays behind: on an open path the sidecar would refuse the caller for it, where a caller without
any cookie is let in. A token that renewal brought, or that the caller sent itself, is in place already.
"""

from typing import Final

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation, Mutations
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.headers import add_if_absent
from pillion.envoy.matchers import JWT_NAMESPACE

# CEL; an empty value adds no header.
_IF_VERIFIED: Final = (
    f"'{JWT_NAMESPACE}' in metadata.filter_metadata && '{names.TOKEN_HEADER}' in request.headers"
    f" ? request.headers['{names.TOKEN_HEADER}'] : ''"
)


def bearer() -> HttpFilter:
    """Add the header where there is none."""
    mutation = Mutation(append=add_if_absent("authorization", f"%CEL({_IF_VERIFIED})%"))
    return http_filter("pillion.bearer", HeaderMutation(mutations=Mutations(request_mutations=[mutation])))
