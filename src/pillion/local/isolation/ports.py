"""Where the sidecar of an isolated service listens: at a socket for others, at a port for its service alone."""

from collections.abc import Mapping

from pillion.envoy import names
from pillion.plan import Address, SocketAndPort, UnixSocket
from pillion.plan.ports import FIRST_PORT, LOOPBACK
from pillion.topology import Topology


def choose(topology: Topology) -> Mapping[str, SocketAndPort]:
    """Give every service's sidecar a socket, and a port in the service's own network, which that does not use."""
    return {
        name: SocketAndPort(
            inbound=UnixSocket(path=names.inbound_socket(name)),
            egress=Address(host=LOOPBACK, port=_other_than(service.app)),
        )
        for name, service in topology.services.items()
    }


def _other_than(app: Address | UnixSocket) -> int:
    taken = isinstance(app, Address) and app.port == FIRST_PORT
    return FIRST_PORT + 1 if taken else FIRST_PORT
