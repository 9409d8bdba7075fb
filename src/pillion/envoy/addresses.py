"""Write an address of the plan as Envoy does."""

from envoy_data_plane.envoy.config.core.v3 import Address as EnvoyAddress
from envoy_data_plane.envoy.config.core.v3 import Pipe, SocketAddress

from pillion.plan.model import Address, UnixSocket


def envoy_address(address: Address | UnixSocket) -> EnvoyAddress:
    """Give a TCP address or a Unix socket."""
    if isinstance(address, UnixSocket):
        return EnvoyAddress(pipe=Pipe(path=address.path))
    return EnvoyAddress(socket_address=SocketAddress(address=address.host, port_value=address.port))
