"""Gives a call that carries no token the service's own, so that nobody in the mesh is without a name.

The sidecar gets it from identity, by the client credentials grant, with a secret from its environment: the service
handles none. It keeps it, and fetches the next when half of its life is over.
https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/credential_injector_filter
"""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.core.v3 import HttpUri, TypedExtensionConfig
from envoy_data_plane.envoy.extensions.filters.http.credential_injector.v3 import CredentialInjector
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.extensions.http.injected_credentials.oauth2.v3 import (
    OAuth2,
    OAuth2AuthType,
    OAuth2ClientCredentials,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import SdsSecretConfig

from pillion import vocabulary
from pillion.envoy import names
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.packed import pack
from pillion.plan.model import Plan, Sidecar

_PATIENCE: Final = timedelta(seconds=5)
_RETRY: Final = timedelta(seconds=1)  # the shortest that Envoy takes


def service_token(plan: Plan, sidecar: Sidecar) -> HttpFilter:
    """Give the filter. While there is no token a call goes on without one: whoever is called decides."""
    grant = OAuth2(
        token_endpoint=HttpUri(
            uri=f"{plan.edge.origin}{vocabulary.TOKEN_PATH}", cluster=names.TOKENS, timeout=_PATIENCE
        ),
        client_credentials=OAuth2ClientCredentials(
            client_id=vocabulary.spiffe_id(plan.mesh, sidecar.service),
            client_secret=SdsSecretConfig(name=names.SERVICE_SECRET),
            auth_type=OAuth2AuthType.URL_ENCODED_BODY,
        ),
        token_fetch_retry_interval=_RETRY,
    )
    credential = TypedExtensionConfig(name="envoy.http.injected_credentials.oauth2", typed_config=pack(grant))
    return http_filter(
        "pillion.service-token",
        CredentialInjector(overwrite=False, allow_request_without_credential=True, credential=credential),
    )
