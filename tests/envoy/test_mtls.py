"""Attacks on the way between workloads: whoever a sidecar must not take, and what is then on the record."""

import json
import ssl
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority
from pillion.certificates.pem import of_certificate, of_key
from tests import mtls, wire
from tests.envoy.rig import MESH, Rig
from tests.local.waiting import until

EDGE = f"spiffe://{MESH}/edge"
LONELY = f"spiffe://{MESH}/service/lonely"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
Context = Callable[[Authority], ssl.SSLContext]


def nothing(ours: Authority) -> ssl.SSLContext:
    return mtls.trusting(ours.pem)


def self_signed(ours: Authority) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), NOW - HOUR, NOW + HOUR
        )
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(EDGE)]), critical=True)
        .sign(key, hashes.SHA256())
    )
    return mtls.showing(of_certificate(made), of_key(key), ours.pem)


def of_another_authority(ours: Authority) -> ssl.SSLContext:
    """Of a mesh of the same name on another machine, or of an attacker who gives his authority all our names."""
    return _issued(authorities.make(MESH, NOW, HOUR), ours)


def expired(ours: Authority) -> ssl.SSLContext:
    return _issued(ours, ours, when=NOW - 2 * HOUR)


def not_valid_yet(ours: Authority) -> ssl.SSLContext:
    return _issued(ours, ours, when=NOW + HOUR)


def of_another_trust_domain(ours: Authority) -> ssl.SSLContext:
    return _issued(ours, ours, "spiffe://other/edge")


def minted_by_a_workload(ours: Authority) -> ssl.SSLContext:
    """By the stolen key of one, whose own certificate goes along."""
    certificate, key = authorities.issue(ours, LONELY, NOW, HOUR)
    minting = Authority(MESH, _with_key_identifier(certificate), key)
    minted, own = authorities.issue(minting, EDGE, NOW, HOUR)
    return mtls.showing(of_certificate(minted) + of_certificate(certificate), of_key(own), ours.pem)


def by_tls_1_2(ours: Authority) -> ssl.SSLContext:
    made = _issued(ours, ours)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made


def _issued(
    issuer: Authority, ours: Authority, spiffe_id: str = EDGE, when: datetime = NOW
) -> ssl.SSLContext:
    certificate, key = authorities.issue(issuer, spiffe_id, when, HOUR)
    return mtls.showing(of_certificate(certificate), of_key(key), ours.pem)


def _with_key_identifier(certificate: x509.Certificate) -> Any:
    """Give a certificate's copy that says which key it has, as an issuer's must."""
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(certificate.public_key())
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


STRANGERS: dict[Context, str] = {
    nothing: "PEER_DID_NOT_RETURN_A_CERTIFICATE",
    self_signed: "CERTIFICATE_VERIFY_FAILED",
    of_another_authority: "CERTIFICATE_VERIFY_FAILED",
    expired: "certificate_has_expired",
    not_valid_yet: "certificate_is_not_yet_valid",
    of_another_trust_domain: "permitted_subtree_violation",
    minted_by_a_workload: "CERTIFICATE_VERIFY_FAILED",
    by_tls_1_2: "UNSUPPORTED_PROTOCOL",
}


@pytest.mark.parametrize("stranger", STRANGERS, ids=lambda stranger: stranger.__name__)
def test_a_stranger_is_refused_at_the_handshake_and_on_the_record(mesh: Rig, stranger: Context) -> None:
    """With a token that is good: nobody reads it. The line names no workload, whatever the certificate says."""
    seen = len(mesh.services["orders"].seen)
    shown = stranger(mtls.authority(mesh.folder, MESH))
    line = refused(mesh, wire.Mutual(*mesh.sidecar()[:2], shown))
    assert STRANGERS[stranger] in line["details"]
    assert len(mesh.services["orders"].seen) == seen


def test_a_request_without_tls_is_not_answered(mesh: Rig) -> None:
    line = refused(mesh, mesh.sidecar()[:2])
    assert "HTTP_REQUEST" in line["details"]


def refused(mesh: Rig, address: wire.Address) -> dict[str, Any]:
    """Ask, see that no answer comes, and give the line that this left."""
    before = len(handshakes(mesh))
    bearer = f"authorization: Bearer {mesh.forge.good()}"
    with suppress(ssl.SSLError, ConnectionError):
        assert wire.exchange(address, wire.lines("GET /api/orders/x HTTP/1.1", "host: x", bearer)) == []
    until(lambda: len(handshakes(mesh)) > before, "a line in the audit log")
    [*_, line] = handshakes(mesh)
    assert (line["caller"], line["status"], line["method"], line["sub"]) == (None, 0, None, None)
    assert line["from"].startswith("127.0.0.1:")
    return line


def handshakes(mesh: Rig) -> list[dict[str, Any]]:
    """Give the lines on refused handshakes."""
    lines = mesh.audit_lines("orders", "")
    return [line for line in lines if line["why"] == "handshake-refused"]


@pytest.mark.parametrize(
    ("service", "caller"),
    [
        ("orders", LONELY),
        ("orders", f"spiffe://{MESH}/service/orders"),
        ("inventory", EDGE),
        ("inventory", LONELY),
    ],
)
def test_a_workload_that_may_not_call_is_refused_by_name(mesh: Rig, service: str, caller: str) -> None:
    """A service that does not name it, itself, and the edge where there are no paths; with a good token."""
    mark, seen = uuid.uuid4().hex, len(mesh.services[service].seen)
    bearer = f"authorization: Bearer {mesh.forge.good()}"
    answer = wire.ask(
        mesh.sidecar(service, caller), f"GET /api/orders/open/{mark} HTTP/1.1", "host: x", bearer
    )
    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (403, "urn:pillion:problem:caller-not-allowed")
    assert problem["detail"].startswith(f"{caller} may not call '{service}'")
    line = mesh.audit(service, mark)
    assert (line["caller"], line["why"], line["status"]) == (caller, "caller-not-allowed", 403)
    assert line["sub"] is None
    assert len(mesh.services[service].seen) == seen


def test_a_workload_that_may_not_call_learns_nothing_of_tokens_or_rules(mesh: Rig) -> None:
    """Whatever it sends, the answer is the same."""
    sent = ("authorization: Bearer x.y.z", "authorization: Basic eDp5", "x-nothing: at all")
    answers = [
        wire.ask(mesh.sidecar("orders", LONELY), "GET /api/orders/reports HTTP/1.1", "host: x", header)
        for header in sent
    ]
    assert {(answer.status, answer.headers["x-pillion-refused"]) for answer in answers} == {
        (403, "caller-not-allowed")
    }


def test_what_a_caller_says_of_itself_does_not_count(mesh: Rig) -> None:
    """In the header by which proxies pass a certificate's name on."""
    mark = uuid.uuid4().hex
    said = f'x-forwarded-client-cert: By={EDGE};URI="{EDGE}"'
    address = mesh.sidecar("orders", LONELY)
    assert wire.ask(address, f"GET /api/orders/open/{mark} HTTP/1.1", "host: x", said).status == 403
    assert mesh.audit("orders", mark)["caller"] == LONELY


def test_each_hop_is_logged_with_the_workload_that_asked(mesh: Rig) -> None:
    mark, called = uuid.uuid4().hex, uuid.uuid4().hex
    bearer = f"authorization: Bearer {mesh.forge.good()}"
    assert wire.ask(mesh.edge, f"GET /api/orders/{mark} HTTP/1.1", "host: x", bearer).status == 200
    assert wire.ask(mesh.egress(), f"GET /{called} HTTP/1.1", "host: inventory", bearer).status == 200
    assert mesh.audit("edge", mark)["caller"] is None
    assert mesh.audit("orders", mark)["caller"] == EDGE
    assert mesh.audit("inventory", called)["caller"] == f"spiffe://{MESH}/service/orders"


def test_nothing_in_the_files_of_the_envoys_is_a_secret(mesh: Rig) -> None:
    """They may be shown to somebody; the keys lie elsewhere."""
    for path in (mesh.folder / "envoy").rglob("*.*"):
        assert "PRIVATE KEY" not in path.read_text(encoding="utf-8")
