"""What keeps services from being isolated, looked for before anything is started."""

import subprocess
import sys
from pathlib import Path

from pillion.local.failure import LocalError
from pillion.local.isolation import rights
from pillion.local.isolation.namespaces import Entrance, Namespace
from pillion.topology import Topology, UnixSocket


def refuse_without_rights(hidden: Path) -> None:
    """Try what is done for each service, with the folder `hidden`; raises LocalError for what is not allowed."""
    if sys.platform != "linux":
        raise LocalError("--isolate: only Linux has network namespaces: leave it out here")
    namespace = Namespace()
    try:
        words, descriptors = Entrance(namespace, hidden).words()
        tried = subprocess.run(
            [*words, "true"], pass_fds=descriptors, capture_output=True, text=True, check=False
        )
    finally:
        namespace.close()
    if tried.returncode != 0:
        raise LocalError(rights.missing(tried.stderr.strip()))


def refuse_unfit(topology: Topology, file: Path) -> None:
    """Raise LocalError for the first service that could be reached past its sidecar all the same."""
    for name, service in sorted(topology.services.items()):
        if service.run is None:
            raise LocalError(
                f"services.{name} in {file.name}: --isolate holds for what 'pillion up' starts: say by 'run' how"
            )
        if isinstance(service.app, UnixSocket):
            raise LocalError(
                f"services.{name}.app in {file.name}: any other service could open {service.app}: with --isolate, "
                "write a port such as 127.0.0.1:7001, where nobody else gets to"
            )
