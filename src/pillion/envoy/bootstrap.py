"""The bootstrap: who this Envoy is, where its files lie, and its admin interface on a Unix socket."""

from typing import Final

from envoy_data_plane.envoy.config.bootstrap.v3 import (
    Admin,
    Bootstrap,
    BootstrapDynamicResources,
    BootstrapStaticResources,
    LayeredRuntime,
    RuntimeLayer,
)
from envoy_data_plane.envoy.config.core.v3 import DataSource, Node
from envoy_data_plane.envoy.config.overload.v3 import OverloadManager, ResourceMonitor
from envoy_data_plane.envoy.extensions.resource_monitors.downstream_connections.v3 import (
    DownstreamConnectionsConfig,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import GenericSecret, Secret
from envoy_data_plane.google.protobuf import Struct

from pillion.envoy import names
from pillion.envoy.addresses import envoy_address
from pillion.envoy.control import control_cluster, control_stream
from pillion.envoy.packed import pack
from pillion.envoy.shared import shared
from pillion.envoy.watched import watched
from pillion.plan.model import Control, UnixSocket, Workload

# More connections than this are refused rather than let the process run out of files or memory.
MAX_CONNECTIONS: Final = 50000

# Envoy refuses regular expressions of more than 100 RE2 instructions unless told otherwise; the one for a
# canonical token has about 200, the one for the headers to drop some 600. All are ours and of fixed size; none
# comes from a user.
REGEX_SIZE: Final = 1000


def bootstrap(mesh: str, workload: Workload, control: Control | None) -> Bootstrap:
    """Name the workload's files; a file that is replaced is taken up without a restart.

    `control` is None where it has nothing to tell. Of secrets it says in which variable they are: a file may be
    shown to somebody.
    """
    return Bootstrap(
        node=Node(id=workload.name, cluster=mesh),
        admin=Admin(address=envoy_address(UnixSocket(path=names.admin_socket(workload.name)))),
        dynamic_resources=BootstrapDynamicResources(
            lds_config=watched(workload, names.LISTENERS_FILE),
            cds_config=watched(workload, names.CLUSTERS_FILE),
            ads_config=control_stream() if control else None,
        ),
        static_resources=BootstrapStaticResources(
            clusters=[control_cluster(control, workload)] if control else [],
            secrets=[_service_secret(control)] if control and workload.kind == "sidecar" else [],
        ),
        layered_runtime=_runtime(),
        overload_manager=_overload(),
    )


@shared
def _runtime() -> LayeredRuntime:
    ours = Struct.from_dict({"re2.max_program_size.error_level": REGEX_SIZE})
    return LayeredRuntime(layers=[RuntimeLayer(name="pillion", static_layer=ours)])


@shared
def _overload() -> OverloadManager:
    limit = DownstreamConnectionsConfig(max_active_downstream_connections=MAX_CONNECTIONS)
    monitor = ResourceMonitor(
        name="envoy.resource_monitors.global_downstream_max_connections", typed_config=pack(limit)
    )
    return OverloadManager(resource_monitors=[monitor])


@shared
def _service_secret(control: Control) -> Secret:
    """Say where the secret is; where a certificate takes its place, Envoy has to send one all the same."""
    variable = DataSource(environment_variable=names.SERVICE_SECRET_VARIABLE)
    none = DataSource(inline_string="none")
    secret = variable if control.spiffe_id is None else none
    return Secret(name=names.SERVICE_SECRET, generic_secret=GenericSecret(secret=secret))
