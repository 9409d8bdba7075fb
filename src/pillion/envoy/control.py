"""How an Envoy reaches control: one delta stream (ADS), on which it says who it is and proves it."""

from datetime import timedelta
from typing import Final

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from envoy_data_plane.envoy.config.core.v3 import (
    ApiConfigSource,
    ApiConfigSourceApiType,
    ApiVersion,
    BackoffStrategy,
    GrpcService,
    GrpcServiceEnvoyGrpc,
    RetryPolicy,
)
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation, Mutations
from envoy_data_plane.envoy.extensions.filters.http.upstream_codec.v3 import UpstreamCodec
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

from pillion.envoy import names
from pillion.envoy.clusters import KEEPALIVE, cluster, http2, http2_options, secured
from pillion.envoy.filters.http_filter import http_filter
from pillion.envoy.headers import overwrite
from pillion.envoy.packed import pack
from pillion.envoy.shared import shared
from pillion.plan.model import Control, Workload

# Envoy's own pauses between two tries grow to 30 s: too long to wait for a revocation once control is back.
FIRST_PAUSE: Final = timedelta(milliseconds=200)
LONGEST_PAUSE: Final = timedelta(seconds=2)


def control_cluster(control: Control, workload: Workload) -> Cluster:
    """Give the cluster; it stands in the bootstrap, because the stream is opened before any file is read.

    On this machine the Envoy shows what was given to it alone, elsewhere its certificate.
    """
    if control.spiffe_id is not None:
        stream = cluster(names.CONTROL, control.address, http2(kept_alive=True))
        return secured(stream, workload, control.spiffe_id)
    options = http2_options(KEEPALIVE)
    options.http_filters = [_proof(), http_filter("pillion.upstream-codec", UpstreamCodec())]
    return cluster(names.CONTROL, control.address, pack(options))


@shared
def control_stream() -> ApiConfigSource:
    """Give the stream."""
    return ApiConfigSource(
        api_type=ApiConfigSourceApiType.DELTA_GRPC,
        transport_api_version=ApiVersion.V3,
        grpc_services=[
            GrpcService(
                envoy_grpc=GrpcServiceEnvoyGrpc(
                    cluster_name=names.CONTROL,
                    retry_policy=RetryPolicy(
                        retry_back_off=BackoffStrategy(base_interval=FIRST_PAUSE, max_interval=LONGEST_PAUSE)
                    ),
                ),
            )
        ],
    )


def _proof() -> HttpFilter:
    """Show who this Envoy is. From the environment: a file may be shown to somebody.

    A filter, since Envoy puts no variables into the `initial_metadata` of its own streams.
    """
    shown = overwrite("authorization", f"Bearer %ENVIRONMENT({names.CREDENTIAL_VARIABLE})%")
    mutations = Mutations(request_mutations=[Mutation(append=shown)])
    return http_filter("pillion.proof", HeaderMutation(mutations=mutations))
