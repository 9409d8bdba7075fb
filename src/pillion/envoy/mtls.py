"""TLS between workloads, in which both sides show who they are (SPIFFE, X509-SVID).

Certificate and trust come from files that `pillion.envoy.secrets` describes, and are taken up again when those are
replaced. Connections that are open by then go on. Sessions are not resumed: a resumed one skips the look at
the certificate, which may have expired, or have come from an authority that is not trusted any more.
"""

from typing import Final

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import TransportSocket
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCombinedCertificateValidationContext,
    DownstreamTlsContext,
    SdsSecretConfig,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)

from pillion.envoy import names
from pillion.envoy.matchers import san
from pillion.envoy.packed import pack
from pillion.envoy.shared import constant, copied, shared
from pillion.envoy.watched import watched_in
from pillion.plan.model import Workload

# Both sides are our own Envoys: none has to speak anything older.
_ONLY_1_3: Final = constant(
    TlsParameters(
        tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
        tls_maximum_protocol_version=TlsParametersTlsProtocol.TLSv1_3,
    )
)


def for_callers(workload: Workload) -> TransportSocket:
    """Take connections of workloads of this mesh alone; which of them may call is for the filter `callers`.

    Who can be named in the audit log is refused there; a stranger, here.
    """
    common = copied(_common(workload))
    common.validation_context_sds_secret_config = _secret(workload, names.TRUST)
    common.alpn_protocols = ["h2", "http/1.1"]
    return _socket(
        DownstreamTlsContext(
            common_tls_context=common,
            require_client_certificate=True,
            disable_stateless_session_resumption=True,
            disable_stateful_session_resumption=True,
        )
    )


def to_callee(workload: Workload, spiffe_id: str) -> TransportSocket:
    """Connect to the workload that is called so, and to nobody else who may listen at its address."""
    common = copied(_common(workload))
    common.combined_validation_context = CommonTlsContextCombinedCertificateValidationContext(
        default_validation_context=_called(spiffe_id),
        validation_context_sds_secret_config=_secret(workload, names.TRUST),
    )
    return _socket(UpstreamTlsContext(common_tls_context=common, max_session_keys=0))


@shared
def _called(spiffe_id: str) -> CertificateValidationContext:
    return CertificateValidationContext(match_typed_subject_alt_names=[san(spiffe_id)])


@shared
def _common(workload: Workload) -> CommonTlsContext:
    return CommonTlsContext(
        tls_params=_ONLY_1_3, tls_certificate_sds_secret_configs=[_secret(workload, names.SVID)]
    )


@shared
def _secret(workload: Workload, name: str) -> SdsSecretConfig:
    source = watched_in(names.secrets_folder(workload.name), names.secret_file(name))
    return SdsSecretConfig(name=name, sds_config=source)


def _socket(context: betterproto2.Message) -> TransportSocket:
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=pack(context))
