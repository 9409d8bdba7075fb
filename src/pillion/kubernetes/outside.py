"""At which ports identity and control need what is outside the mesh: as far as the topology says so."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from pillion.topology import Topology

_POSTGRESQL: Final = 5432
_HTTPS: Final = 443
_HTTP: Final = 80
# The API server's port, as its Service has it, and as it listens itself in most clusters.
_API_SERVER: Final = (443, 6443)


def of_identity(topology: Topology) -> frozenset[int]:
    """Name the ports of its database, its mail server, and of who signs people in besides."""
    identity = topology.identity
    asked = [
        *([identity.users.url] if identity.users else []),
        *(provider.issuer or "https:" for provider in identity.providers.values()),
    ]
    mail = [identity.mail.smtp.port] if identity.mail else []
    return frozenset((*_databases(topology), *mail, *map(_port, asked)))


def of_control(topology: Topology) -> frozenset[int]:
    """Name the ports of the database, of the cluster's API, and of where other issuers have their keys."""
    keys = (issuer.jwks for issuer in topology.trust.values())
    return frozenset((*_databases(topology), *_API_SERVER, *map(_port, keys)))


def _databases(topology: Topology) -> Iterator[int]:
    written = topology.identity.database
    url = written.get_secret_value() if isinstance(written, SecretStr) else ""
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    for host in hosts:
        port = host.rpartition(":")[2]
        yield int(port) if port.isdigit() else _POSTGRESQL


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (_HTTP if parts.scheme == "http" else _HTTPS)
