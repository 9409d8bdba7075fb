"""The certificate authority of one mesh: it can name workloads of that mesh, and nothing else in the world."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pillion.certificates.pem import of_certificate, of_key
from pillion.vocabulary import SPIFFE

# Clocks differ, and may be set back a little: what is issued counts from a moment ago.
SKEW: Final = timedelta(minutes=1)


class UnreadableError(ValueError):
    """A text that is no authority of this mesh; the message says why."""


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and the mesh that it is of."""

    mesh: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @property
    def pem(self) -> str:
        """The certificate, which everybody may know."""
        return of_certificate(self.certificate)


def make(mesh: str, now: datetime, lifetime: timedelta) -> Authority:
    """Make an authority (X509-SVID, section 3.2).

    By its name constraints (RFC 5280, section 4.2.1.10) nothing counts that it says of another trust domain, and
    no path is longer than from it to a workload.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # With a name of its own, so that two authorities of one mesh are not taken for each other.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{mesh} {serial:x}"[:64])])
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .add_extension(
            x509.NameConstraints([x509.UniformResourceIdentifier(mesh)], excluded_subtrees=None),
            critical=True,
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"{SPIFFE}://{mesh}")]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(mesh, certificate, key)


def write(authority: Authority) -> str:
    """Write certificate and key as one text (PEM): a secret."""
    return authority.pem + of_key(authority.key)


def read(text: str, mesh: str) -> Authority:
    """Read what `write` wrote; raises UnreadableError for anything else, and for the authority of another mesh."""
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        key = load_pem_private_key(text.encode(), password=None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise UnreadableError("it holds no certificate with its key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise UnreadableError("its key is not that of its certificate")
    if list(names) != [x509.UniformResourceIdentifier(f"{SPIFFE}://{mesh}")]:
        raise UnreadableError("it is of another mesh")
    return Authority(mesh, certificate, key)


def issue(
    authority: Authority, spiffe_id: str, now: datetime, lifetime: timedelta
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Issue a workload's certificate with a new key, good for both ends of a connection (X509-SVID, section 4).

    It does not outlive the authority. It has no subject, so its one name is critical (RFC 5280, section 4.2.1.6).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    ends = min(now + lifetime, issuer.not_valid_after_utc)
    skid = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(ends)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(spiffe_id)]), critical=True
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(skid), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return certificate, key


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
