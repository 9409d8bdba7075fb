"""To whom a request's headers go along: to services of the mesh, by way of the sidecar, and to nobody else.

A service of the mesh is called by its bare name, in plain HTTP: `http://inventory/…`. Or the egress itself is
called, with `Host: inventory`: the address that `pillion up` gives a service as HTTP_PROXY. Everything else is
somebody else's: a token that went there could be used here.
"""

import os
import re
from typing import Final
from urllib.parse import urlsplit

from pillion.propagate.present import present

# What a topology takes as the name of a service (RFC 1035, section 2.3.1). No dot, and so no host of a domain; no
# colon, and so no address.
_SERVICE: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_THIS_MACHINE: Final = "localhost"
# URLs that one program reads in this way and another in that: whoever writes them gets nothing added.
_PLAIN_URL: Final = re.compile(r"http://[A-Za-z0-9.:-]+(?:[/?#][\x21-\x7e]*)?", re.ASCII)


def headers(url: str) -> dict[str, str]:
    """Give the headers that go along with a call to `url`, for a client that has no function here.

    None, unless a request is being served, and the call goes to a service of the mesh.
    """
    if not _PLAIN_URL.fullmatch(url):
        return {}
    try:
        parts = urlsplit(url)
        return going_to(parts.scheme, parts.hostname, parts.port)
    except ValueError:
        return {}


def going_to(scheme: str | None, host: str | None, port: int | None) -> dict[str, str]:
    """Give the same by the parts of a URL, as the client itself has read it."""
    if scheme != "http" or not host:
        return {}
    name = host.lower()
    bare = _SERVICE.fullmatch(name) is not None and name != _THIS_MACHINE
    return present() if bare or (name, port) == _egress() else {}


def _egress() -> tuple[str | None, int | None] | None:
    """Give the address of this service's egress; None outside a mesh, where HTTP_PROXY is anybody's."""
    if "PILLION_SERVICE" not in os.environ:
        return None
    try:
        parts = urlsplit(os.environ.get("HTTP_PROXY", ""))
        address = parts.hostname, parts.port
    except ValueError:
        return None
    return address if all(address) else None
