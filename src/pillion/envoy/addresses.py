"""Write an address of the plan as Envoy does."""

from envoy_data_plane.envoy.config.core.v3 import Address as EnvoyAddress
from envoy_data_plane.envoy.config.core.v3 import Pipe, SocketAddress

from pillion.envoy.shared import shared
from pillion.plan.model import Address, DnsAddress, Reached, UnixSocket


@shared
def envoy_address(address: Reached) -> EnvoyAddress:
    """Give a TCP address, a name that Envoy looks up, or a Unix socket."""
    match address:
        case UnixSocket():
            return EnvoyAddress(pipe=Pipe(path=address.path))
        case DnsAddress():
            # With the dot at its end a name is whole (RFC 1034, section 3.1): nobody tries a pod's search domains.
            return EnvoyAddress(
                socket_address=SocketAddress(address=f"{address.host}.", port_value=address.port)
            )
        case Address():
            return EnvoyAddress(socket_address=SocketAddress(address=address.host, port_value=address.port))
