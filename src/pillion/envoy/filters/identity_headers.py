"""Tell the service the caller's roles, comma-separated; `verification` writes the other identity headers.

No operator of Envoy joins a list, so it takes three steps: write the claim as JSON, strip its brackets and quotes
(a role holds none, see vocabulary.ROLE), write what is left. Measured at 2 to 3 µs of CPU a request; a Lua
filter for the same took 15.
"""

from typing import Final

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation, Mutations
from envoy_data_plane.envoy.extensions.filters.http.header_to_metadata.v3 import (
    Config,
    ConfigKeyValuePair,
    ConfigRule,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatchAndSubstitute, RegexMatcher

from pillion import vocabulary
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.headers import overwrite
from pillion.envoy.matchers import JWT_NAMESPACE, PAYLOAD

_NAMESPACE: Final = "pillion"
_KEY: Final = "roles"
_LIST_HEADER: Final = "x-pillion-roles-list"


def identity_headers() -> list[HttpFilter]:
    """Set the roles' header from the token's claim; a caller without roles gets none."""
    as_json = _mutation(_LIST_HEADER, f"%DYNAMIC_METADATA({JWT_NAMESPACE}:{PAYLOAD}:{_KEY})%")
    stripped = Config(
        request_rules=[
            ConfigRule(
                header=_LIST_HEADER,
                on_header_present=ConfigKeyValuePair(
                    metadata_namespace=_NAMESPACE,
                    key=_KEY,
                    regex_value_rewrite=RegexMatchAndSubstitute(
                        pattern=RegexMatcher(regex=r'[\[\]"]'), substitution=""
                    ),
                ),
            )
        ]
    )
    written = _mutation(vocabulary.ROLES_HEADER, f"%DYNAMIC_METADATA({_NAMESPACE}:{_KEY})%")
    return [
        http_filter("pillion.roles-as-json", _mutations(as_json)),
        http_filter("pillion.roles-stripped", stripped),
        http_filter("pillion.roles-written", _mutations(Mutation(remove=_LIST_HEADER), written)),
    ]


def _mutation(header: str, value: str) -> Mutation:
    return Mutation(append=overwrite(header, value))


def _mutations(*mutations: Mutation) -> HeaderMutation:
    return HeaderMutation(mutations=Mutations(request_mutations=list(mutations)))
