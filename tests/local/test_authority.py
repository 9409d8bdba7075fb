"""The mesh's certificate authority: what it issues, and what becomes of it from one start to the next."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority, UnreadableError
from pillion.local import authority
from pillion.local.folder import StateFolder, make

NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ORDERS = "spiffe://shop/service/orders"


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path / ".pillion")
    make(made)
    return made


def start(folder: StateFolder, mesh: str = "shop", now: datetime = NOW) -> tuple[Authority, str]:
    return authority.at_start(folder, mesh, now, 90 * DAY)


def test_a_workloads_certificate_is_an_x509_svid() -> None:
    """X509-SVID, section 4: one URI SAN, no authority, for signatures, of short life, good for both ends."""
    issuer = authorities.make("shop", NOW, 90 * DAY)
    certificate, key = authorities.issue(issuer, ORDERS, NOW, HOUR)
    extensions = {type(one.value): one for one in certificate.extensions}
    names = extensions[x509.SubjectAlternativeName]
    assert list(names.value) == [x509.UniformResourceIdentifier(ORDERS)]
    assert (list(certificate.subject), names.critical) == ([], True)
    assert extensions[x509.BasicConstraints].value == x509.BasicConstraints(ca=False, path_length=None)
    usage = extensions[x509.KeyUsage]
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_cert_sign, usage.value.crl_sign) == (
        True,
        False,
        False,
    )
    uses = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    assert set(extensions[x509.ExtendedKeyUsage].value) == uses
    assert certificate.not_valid_after_utc - NOW <= HOUR
    assert key.public_key() == certificate.public_key()


def test_no_two_certificates_share_a_key_or_a_serial_number() -> None:
    issuer = authorities.make("shop", NOW, 90 * DAY)
    issued = [authorities.issue(issuer, ORDERS, NOW, HOUR)[0] for _ in range(5)]
    assert len({one.serial_number for one in issued}) == 5
    numbers = {key.public_numbers().x for one in issued if isinstance(key := one.public_key(), PublicKey)}
    assert len(numbers) == 5


def test_an_authority_signs_certificates_of_its_own_trust_domain_and_is_no_workload() -> None:
    """X509-SVID, section 3.2 and 4: without a path, critical constraints, one step deep."""
    extensions = {type(one.value): one for one in authorities.make("shop", NOW, DAY).certificate.extensions}
    assert extensions[x509.BasicConstraints].value == x509.BasicConstraints(ca=True, path_length=0)
    usage = extensions[x509.KeyUsage].value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)
    assert list(extensions[x509.SubjectAlternativeName].value) == [
        x509.UniformResourceIdentifier("spiffe://shop")
    ]
    constraints = extensions[x509.NameConstraints]
    assert constraints.critical
    assert constraints.value.permitted_subtrees == [x509.UniformResourceIdentifier("shop")]
    for each in (x509.BasicConstraints, x509.KeyUsage):
        assert extensions[each].critical


def test_no_certificate_outlives_its_authority() -> None:
    issuer = authorities.make("shop", NOW, timedelta(minutes=10))
    certificate, _ = authorities.issue(issuer, ORDERS, NOW, HOUR)
    assert certificate.not_valid_after_utc == issuer.certificate.not_valid_after_utc


def test_the_authority_is_the_same_at_the_next_start_and_private(folder: StateFolder) -> None:
    first, said = start(folder)
    assert said == ""
    assert start(folder, now=NOW + 59 * DAY) == (first, "")
    assert folder.authority.stat().st_mode & 0o777 == 0o600
    assert folder.authority.parent.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in repr(first)


@pytest.mark.parametrize("days", [60, 100, -1])
def test_one_that_nears_its_end_or_is_not_valid_yet_is_made_anew(folder: StateFolder, days: int) -> None:
    """Also after a long stop; and after the clock was set back. Nothing is wrong with that."""
    first, _ = start(folder)
    second, said = start(folder, now=NOW + days * DAY)
    assert (second.certificate == first.certificate, said) == (False, "")
    assert start(folder, now=NOW + days * DAY) == (second, "")


def test_one_that_is_damaged_is_made_anew_and_that_is_said(folder: StateFolder) -> None:
    first, _ = start(folder)
    pem = folder.authority.read_text(encoding="utf-8")
    another = authorities.write(authorities.make("shop", NOW, DAY))
    key = "-----BEGIN PRIVATE KEY-----"
    for damaged in (
        b"",
        b"\xff\xfe",
        pem[:200].encode(),
        first.pem.encode(),
        _mixed(pem, another, key).encode(),
    ):
        folder.authority.write_bytes(damaged)
        made, said = start(folder)
        assert str(folder.authority) in said
        assert "the mesh has a new certificate authority" in said
        assert made.certificate != first.certificate
        assert start(folder) == (made, "")


def _mixed(pem: str, another: str, key: str) -> str:
    return pem.partition(key)[0] + key + another.partition(key)[2]


def test_an_authority_of_another_mesh_is_not_taken(folder: StateFolder) -> None:
    first, _ = start(folder)
    with pytest.raises(UnreadableError, match="another mesh"):
        authorities.read(authorities.write(first), "other")
    made, said = start(folder, mesh="other")
    assert "it is of another mesh" in said
    assert made.mesh == "other"
