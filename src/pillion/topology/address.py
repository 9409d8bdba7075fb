"""Where something listens: an IP address with a port, or a Unix socket."""

import ipaddress
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from pillion.topology.fitness import unfit

_HOST_AND_PORT: Final = re.compile(
    r"(?:\[(?P<bracketed>[^\[\]]*)\]|(?P<plain>[^\[\]:]*)):(?P<port>[0-9]+)", re.ASCII
)
_LARGEST_PORT: Final = 65535
_LONGEST_SOCKET: Final = 107  # bytes; sun_path in unix(7) less its closing zero

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Address(BaseModel):
    """A TCP address; `host` is an IP address in its canonical form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def ip(self) -> IPAddress:
        """The host as an IP address."""
        return ipaddress.ip_address(self.host)


class DnsAddress(BaseModel):
    """A port at whatever addresses a name has; `host` is a whole name, without a dot at its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class UnixSocket(BaseModel):
    """A Unix socket; `path` is absolute."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


def parse_listen(value: Any) -> Address:
    """Read `host:port`; the host is an IP address, or localhost for 127.0.0.1."""
    if isinstance(value, Address):
        return value
    return _address(text(value))


def parse_app(value: Any) -> Address | UnixSocket:
    """Read a service's own address: loopback or a Unix socket, so that only its sidecar reaches it."""
    if isinstance(value, Address | UnixSocket):
        return value
    written = text(value)
    if written.startswith("unix:"):
        return _socket(written.removeprefix("unix:"))
    address = _address(written)
    if not address.ip.is_loopback:
        raise unfit(
            "app-not-private",
            "{written} can be reached from other machines, past the sidecar: a service listens on loopback",
            f"write '127.0.0.1:{address.port}'",
        )
    return address


def text(value: Any) -> str:
    """Pass text through; a number goes on as text and is refused there, in the words of what is needed."""
    if isinstance(value, dict | list):
        raise unfit(
            "wrong-type", f"text is needed here, not a {'list' if isinstance(value, list) else 'mapping'}"
        )
    return str(value)


def _address(written: str) -> Address:
    match = _HOST_AND_PORT.fullmatch(written)
    if not match:
        hint = "write '[::1]:PORT' for IPv6" if written.count(":") > 1 and "/" not in written else ""
        raise unfit(
            "bad-address", "{written} is not an address: write HOST:PORT, such as 127.0.0.1:7001", hint
        )
    host = match["plain"] if match["bracketed"] is None else match["bracketed"]
    ip = _ip("127.0.0.1" if host == "localhost" else host, bracketed=match["bracketed"] is not None)
    port = int(match["port"]) if len(match["port"]) <= len(str(_LARGEST_PORT)) else 0
    if not 1 <= port <= _LARGEST_PORT:
        raise unfit("bad-port", f"{{written}} has a port that is none: a port is 1 to {_LARGEST_PORT}")
    return Address(host=str(ip), port=port)


def _ip(host: str, *, bracketed: bool) -> IPAddress:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise unfit("bad-address", "{written} has a host that is no IP address, nor localhost") from None
    if bracketed != (ip.version == 6):  # noqa: PLR2004 - IPv6
        raise unfit("bad-address", "{written} has brackets around what is not IPv6", f"write '{ip}:PORT'")
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            raise unfit("bad-address", "{written} names a network interface, which is not supported here")
        ip = ip.ipv4_mapped or ip
    if ip.is_multicast:
        raise unfit("bad-address", "{written} is a multicast address, where nothing can listen for requests")
    return ip


def _socket(path: str) -> UnixSocket:
    if not path.startswith("/") or path.endswith("/") or "\n" in path:
        raise unfit(
            "bad-address", "{written} is not a socket: write unix: and the whole path, unix:/run/app.sock"
        )
    if len(path.encode()) > _LONGEST_SOCKET:
        raise unfit(
            "bad-address",
            f"the socket's path is longer than the {_LONGEST_SOCKET} bytes that a system allows",
        )
    return UnixSocket(path=path)
