"""What a service on a laptop may do and one in a pod cannot: checked where the topology is rendered for pods."""

from collections.abc import Iterator
from typing import Final

from pillion.topology.address import UnixSocket
from pillion.topology.draft import Draft
from pillion.topology.finding import Finding
from pillion.topology.wording import one_of
from pillion.vocabulary import DRAIN_PORT, EGRESS_PORT, INBOUND_PORT, PROBES_PORT

_PORTS: Final = (INBOUND_PORT, EGRESS_PORT, DRAIN_PORT, PROBES_PORT)


def check_pods(draft: Draft) -> Iterator[Finding]:
    """Find services on Unix sockets, and who listens on a port of the Envoys'."""
    for service in draft.services:
        if service.app and isinstance(service.app.value, UnixSocket):
            message = "{written} is a Unix socket, which a service in a pod does not share with its sidecar"
            yield Finding(service.app.path, "socket-in-pods", message, "let it listen on 127.0.0.1")
    for listening in (draft.edge.listen, *(service.app for service in draft.services)):
        if listening and not isinstance(listening.value, UnixSocket) and listening.value.port in _PORTS:
            message = (
                f"{{written}} has a port that Envoy takes in every pod: {one_of(list(map(str, _PORTS)))}"
            )
            yield Finding(listening.path, "port-in-pods", message, "choose another")
