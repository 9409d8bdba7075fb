"""cert-manager's part: a Certificate becomes a Secret with `tls.crt`, `tls.key` and `ca.crt`."""

import base64
import datetime as dt
import re
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.objects import Object, Objects

_EXTENDED: Final = {
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
}


def issue_missing(objects: Objects) -> bool:
    """Issue every Certificate whose issuer is there and whose Secret is not; says whether any was."""
    issued = False
    for certificate in objects.of("Certificate"):
        namespace = certificate["metadata"]["namespace"]
        if objects.get("Secret", namespace, certificate["spec"]["secretName"]) is None:
            issued |= issue(objects, certificate)
    return issued


def issue(objects: Objects, certificate: Object) -> bool:
    """Issue one anew; False while its issuer is not ready."""
    namespace, spec = certificate["metadata"]["namespace"], certificate["spec"]
    issuer = objects.get(spec["issuerRef"].get("kind", "Issuer"), namespace, spec["issuerRef"]["name"])
    if issuer is None:
        return False
    assert spec["privateKey"]["algorithm"] == "ECDSA", "no other algorithm here"
    assert spec["privateKey"]["size"] == 256, "no other curve here"
    key = ec.generate_private_key(ec.SECP256R1())
    if "selfSigned" in issuer["spec"]:
        signed = authority = _signed(spec, key.public_key(), None, key)
    else:
        pair = objects.content("Secret", namespace, issuer["spec"]["ca"]["secretName"])
        if pair is None:
            return False
        authority = x509.load_pem_x509_certificate(pair["tls.crt"])
        issuer_key = serialization.load_pem_private_key(pair["tls.key"], None)
        assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
        signed = _signed(spec, key.public_key(), authority, issuer_key)
    objects.apply(_secret(namespace, spec["secretName"], signed, key, authority), namespace)
    return True


def _secret(
    namespace: str,
    name: str,
    signed: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
) -> Object:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = {"tls.crt": signed.public_bytes(pem), "tls.key": private, "ca.crt": authority.public_bytes(pem)}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(one).decode() for key, one in files.items()},
    }


def _signed(
    spec: dict[str, Any],
    public: ec.EllipticCurvePublicKey,
    authority: x509.Certificate | None,
    key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    named = [x509.NameAttribute(NameOID.COMMON_NAME, spec["commonName"])] if "commonName" in spec else []
    subject = x509.Name(named)
    is_ca = spec.get("isCA", False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _duration(spec.get("duration", "2160h")))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(_key_usage(spec, is_ca=is_ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(one) for one in spec.get("uris", ())]
    names += [x509.DNSName(one) for one in spec.get("dnsNames", ())]
    names += [x509.IPAddress(ip_address(one)) for one in spec.get("ipAddresses", ())]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not named)
    extended = [_EXTENDED[one] for one in spec.get("usages", ()) if one in _EXTENDED]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    if authority is not None:
        issuer_key = authority.public_key()
        assert isinstance(issuer_key, ec.EllipticCurvePublicKey)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key)
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(key, hashes.SHA256())


def _key_usage(spec: dict[str, Any], *, is_ca: bool) -> x509.KeyUsage:
    wanted = {*spec.get("usages", ("digital signature", "key encipherment"))}
    return x509.KeyUsage(
        digital_signature="digital signature" in wanted,
        key_encipherment="key encipherment" in wanted,
        key_cert_sign=is_ca or "cert sign" in wanted,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _duration(written: str) -> dt.timedelta:
    units = {"h": "hours", "m": "minutes", "s": "seconds"}
    parts = {units[unit]: int(number) for number, unit in re.findall(r"(\d+)([hms])", written)}
    return dt.timedelta(**parts)
