"""Origins, as RFC 6454 writes them: scheme://host, and the port when it is not the scheme's own."""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pillion.topology.address import Address
from pillion.topology.fitness import unfit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LONGEST_HOST: Final = 253  # RFC 1035, section 2.3.4, as text
_LARGEST_PORT: Final = 65535


def parse_origin(written: str) -> str:
    """Read an origin; http is for this machine only, since cookies and tokens would travel in clear."""
    if written == "*":
        raise unfit("bad-origin", "{written} would let every site act for your users: name each origin")
    scheme, host, port = _split(written)
    right = make_origin(scheme, host, port)
    if written != right:
        raise unfit(
            "bad-origin",
            "{written} is not as a browser sends it: SCHEME://HOST in lower case, and :PORT unless usual",
            f"write '{right}'",
        )
    if scheme == "http" and not is_this_machine(host):
        raise unfit(
            "insecure-origin",
            "{written} would send cookies in clear over a network: http is for this machine only",
            f"write '{make_origin('https', host, None)}'",
        )
    return written


def make_origin(scheme: str, host: str, port: int | None) -> str:
    """Write an origin in the form in which browsers send it; `host` has its brackets already."""
    return f"{scheme}://{host}" if port in {None, _DEFAULT_PORTS[scheme]} else f"{scheme}://{host}:{port}"


def default_origin(listen: Address, *, tls: bool) -> str:
    """Say what a browser on this machine calls the edge when the user names no origin."""
    return make_origin("https" if tls else "http", "localhost", listen.port)


def is_this_machine(host: str) -> bool:
    """Tell whether a host never leaves this machine (localhost and below: RFC 6761, section 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(written: str) -> tuple[str, str, int | None]:
    """Take the parts of an origin out of whatever URL was written; refuse what holds no host."""
    refusal = unfit(
        "bad-origin", "{written} is not an origin: write SCHEME://HOST[:PORT], as https://shop.example"
    )
    try:
        parts = urlsplit(written)
        host = parts.hostname or ""
    except ValueError:
        raise refusal from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise refusal
    port = _port(parts)
    if ":" in host:
        try:
            return parts.scheme, f"[{ipaddress.IPv6Address(host)}]", port
        except ValueError:
            raise refusal from None
    if not _HOST_NAME.fullmatch(host) or len(host) > _LONGEST_HOST:
        raise refusal
    if host.rpartition(".")[2].isdecimal():  # WHATWG URL: a host that ends in a number is an IPv4 address
        try:
            host = str(ipaddress.IPv4Address(host))
        except ValueError:
            raise refusal from None
    return parts.scheme, host, port


def _port(parts: SplitResult) -> int | None:
    refusal = unfit("bad-port", f"{{written}} has a port that is none: a port is 1 to {_LARGEST_PORT}")
    try:
        port = parts.port
    except ValueError:
        raise refusal from None
    if port == 0:
        raise refusal
    return port
