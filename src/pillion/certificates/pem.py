"""Certificates and keys as PEM (RFC 7468)."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def of_certificate(certificate: x509.Certificate) -> str:
    """Write a certificate."""
    return certificate.public_bytes(Encoding.PEM).decode()


def of_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Write a private key, as it is: it lies where only its owner can read it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
