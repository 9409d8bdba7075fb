"""Which addresses the sidecars listen on: the one thing of a plan that the topology leaves open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final

from pillion.topology import Address, DnsAddress, Topology, UnixSocket

# The range in which meshes commonly keep sidecar ports; below the ephemeral range of Linux and macOS.
FIRST_PORT: Final = 15001
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """A sidecar's two listening addresses."""

    inbound: Address
    egress: Address

    @property
    def reached(self) -> Address:
        """Where others find it."""
        return self.inbound


@dataclass(frozen=True)
class SocketAndPort:
    """The same of a sidecar that shares a network with nobody but its service."""

    inbound: UnixSocket
    egress: Address

    @property
    def reached(self) -> UnixSocket:
        """Where others find it."""
        return self.inbound


@dataclass(frozen=True)
class PodPorts:
    """The same of a sidecar in a pod, which others find by a name."""

    inbound: Address
    egress: Address
    reached: DnsAddress


Places = Ports | SocketAndPort | PodPorts


def assign(topology: Topology, candidates: Iterator[int] | None = None) -> Mapping[str, Ports]:
    """Give every service's sidecar two loopback ports, in the order of the services' names.

    `candidates` yields the ports to use; left out, they count up from FIRST_PORT, so that the same topology
    gets the same ports. Ports that the topology itself uses are passed over.
    """
    taken = {
        address.port
        for address in (topology.edge.listen, *(service.app for service in topology.services.values()))
        if isinstance(address, Address)
    }
    free = (port for port in candidates or count(FIRST_PORT) if port not in taken)
    return {
        name: Ports(
            inbound=Address(host=LOOPBACK, port=next(free)), egress=Address(host=LOOPBACK, port=next(free))
        )
        for name in sorted(topology.services)
    }
