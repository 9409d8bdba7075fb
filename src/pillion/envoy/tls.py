"""TLS at the edge, from files that are taken up again when they change."""

from typing import Final

from envoy_data_plane.envoy.config.core.v3 import DataSource, TransportSocket, WatchedDirectory
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CommonTlsContext,
    DownstreamTlsContext,
    SdsSecretConfig,
    Secret,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
)

from pillion.envoy import names
from pillion.envoy.packed import pack
from pillion.envoy.watched import watched as watched_file
from pillion.plan.model import Edge, Tls

CERTIFICATE: Final = "certificate"


def tls(edge: Edge) -> TransportSocket:
    """Offer HTTP/2 and HTTP/1.1 over TLS 1.2 or later, with the certificate of the Envoy's certificate file."""
    certificate = SdsSecretConfig(
        name=CERTIFICATE, sds_config=watched_file(edge.workload, names.CERTIFICATE_FILE)
    )
    context = DownstreamTlsContext(
        common_tls_context=CommonTlsContext(
            tls_params=TlsParameters(tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2),
            tls_certificate_sds_secret_configs=[certificate],
            alpn_protocols=["h2", "http/1.1"],
        )
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))


def certificate_secret(files: Tls, watched: WatchedDirectory) -> Secret:
    """Name the user's files; they are read again, together, when something is renamed in the `watched` folder."""
    return Secret(
        name=CERTIFICATE,
        tls_certificate=TlsCertificate(
            certificate_chain=DataSource(filename=files.certificate),
            private_key=DataSource(filename=files.key),
            watched_directory=watched,
        ),
    )
