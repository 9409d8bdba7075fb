"""TLS as a workload of a mesh speaks it, for tests that take the place of one."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority
from pillion.certificates.pem import of_certificate, of_key


def authority(state: Path, mesh: str) -> Authority:
    """Read the authority of a mesh, whose state folder is `state`."""
    return authorities.read((state / "ca" / "authority.pem").read_text(encoding="utf-8"), mesh)


@cache  # tests ask for the same one over and over, in loops that are to be quick
def context(issuer: Authority, spiffe_id: str) -> ssl.SSLContext:
    """Show a certificate of the workload that is called so, and believe whom the issuer believes."""
    certificate, key = authorities.issue(issuer, spiffe_id, datetime.now(UTC), timedelta(hours=1))
    return showing(of_certificate(certificate), of_key(key), issuer.pem)


def showing(certificate: str, key: str, trusted: str, made: ssl.SSLContext | None = None) -> ssl.SSLContext:
    """Show a certificate (PEM), and believe those of one authority, whatever they name."""
    made = made or trusting(trusted)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # where OpenSSL reads them
        file.write(certificate + key)
        file.flush()
        made.load_cert_chain(file.name)
    return made


def trusting(trusted: str) -> ssl.SSLContext:
    """Show nothing."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_verify_locations(cadata=trusted)
    return made
