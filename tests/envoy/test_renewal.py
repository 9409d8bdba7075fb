"""Certificates and their authority are replaced under load without a failed request; a false callee gets none."""

import asyncio
import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from pillion.certificates import authority as authorities
from pillion.certificates.authority import Authority
from pillion.certificates.pem import of_certificate, of_key
from pillion.local.folder import StateFolder
from pillion.local.workload_certificates import Lifetimes, WorkloadCertificates
from tests import mesh, mtls, wire
from tests.envoy import rig
from tests.envoy.rig import MESH, Rig
from tests.load import load_that_never_fails
from tests.local.waiting import until

SERVICES = """
  orders: {app: APP, paths: [/api], calls: [inventory, gone]}
  inventory: {app: APP}
  gone: {app: "unix:/nowhere/gone.sock"}
"""
PATH = "/api/x"
TIMES = 8
# So that each request shakes hands: a connection that is open already needs no certificate.
_AS_RECEIVED = "      use_downstream_protocol_config:"
_ONCE = f"      common_http_protocol_options: {{max_requests_per_connection: 1}}\n{_AS_RECEIVED}"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give Envoys that make a connection for each request."""
    with rig.running(tmp_path_factory.mktemp("renewal"), SERVICES) as started:
        for name in ("edge", "orders"):
            lead_over(started, name, _AS_RECEIVED, _ONCE)
        with contextlib.chdir(started.folder):  # as `up` does
            yield started


def lead_over(own: Rig, workload: str, old: str, new: str) -> str:
    """Change an Envoy's clusters; gives what they were."""
    file = own.folder / "envoy" / workload / "clusters.yaml"
    was = file.read_text(encoding="utf-8")
    version = was.splitlines()[0].removeprefix("version_info: ").strip("'")
    assert old in was
    changed = was.replace(old, new).replace(version, f"{version[:-1]}_")
    rig.write(own.folder, {f"{workload}/clusters.yaml": changed})
    return was


def issuing(own: Rig, lifetimes: Lifetimes) -> WorkloadCertificates:
    """Look after the certificates, which are due at once since they live for seconds."""
    made = WorkloadCertificates(StateFolder(own.folder), MESH, print, lifetimes)
    made.issue_to(own.plan.spiffe_ids)
    return made


def asked(own: Rig) -> int:
    """Ask by way of the edge."""
    bearer = f"authorization: Bearer {own.forge.good()}"
    return wire.ask(own.edge, f"GET {PATH} HTTP/1.1", "host: x", bearer).status


def shown(own: Rig) -> x509.Certificate:
    """Give the certificate that the sidecar shows now."""
    context = own.identified(own.plan.edge.spiffe_id)
    context.verify_mode = ssl.CERT_NONE
    with wire.connect(wire.Mutual(*own.sidecar()[:2], context)) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        der = connection.getpeercert(binary_form=True)
    assert der
    return x509.load_der_x509_certificate(der)


def test_certificates_are_replaced_under_load_without_a_failed_request(own: Rig) -> None:
    """They live for five seconds: whoever missed a few could not connect any more."""
    certificates = issuing(own, Lifetimes(workload=timedelta(seconds=5)))
    serials = set()
    with load_that_never_fails(own.edge, PATH, own.forge.good) as load:
        for _ in range(TIMES):
            before = shown(own).serial_number
            asyncio.run(certificates.renew())
            until(lambda before=before: shown(own).serial_number != before, "the next one is shown")  # type: ignore[misc]
            serials.add(shown(own).serial_number)
            enough = len(load.good) + 20
            until(lambda enough=enough: len(load.good) > enough, "requests are answered")  # type: ignore[misc]
    assert len(serials) == TIMES
    assert len(load.good) > 20 * TIMES


def test_the_authority_is_replaced_under_load_without_a_failed_request(own: Rig) -> None:
    """And what the first one issued is good no more in the end, its authority's own key included."""
    (own.folder / "ca" / "authority.pem").unlink()  # one that lives for three months is in no hurry
    certificates = issuing(own, Lifetimes(timedelta(seconds=5), timedelta(seconds=30)))
    first = mtls.authority(own.folder, MESH)
    until(lambda: shown(own).issuer == first.certificate.subject, "the sidecar has what it starts with")
    until(lambda: asked(own) == 200, "the edge, too")
    seen: list[bytes] = []

    def has_issued() -> bool:
        asyncio.run(certificates.renew())
        issuer = shown(own).issuer.public_bytes()
        if issuer not in seen:
            seen.append(issuer)
        return len(seen) > TIMES

    with load_that_never_fails(own.edge, PATH, own.forge.good):
        until(has_issued, "authorities follow each other")
    for issuer in (first, mtls.authority(own.folder, MESH)):
        context = mtls.context(issuer, own.plan.edge.spiffe_id)
        context.verify_mode = ssl.CERT_NONE
        door = wire.Mutual(*own.sidecar()[:2], context)
        if issuer == first:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                wire.ask(door, f"GET {PATH} HTTP/1.1", "host: x")
        else:
            assert wire.ask(door, f"GET {PATH} HTTP/1.1", "host: x").status == 401
    issuing(own, Lifetimes())


class Impostor:
    """Listens in a sidecar's place, and takes whoever comes; `heard` is what it was sent after the handshake."""

    def __init__(self, certificate: str, key: str, trusted: str) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown = mtls.showing(certificate, key, trusted, self.context)
        shown.set_alpn_protocols(["h2", "http/1.1"])
        shown.verify_mode = ssl.CERT_NONE
        self.tried = 0
        self.heard = b""
        self.socket = socket.create_server(("127.0.0.1", mesh.free_ports(1)[0]))
        self.port: int = self.socket.getsockname()[1]

    @contextlib.contextmanager
    def listening(self) -> Iterator["Impostor"]:
        """Listen until the block ends."""
        thread = threading.Thread(target=self._take, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.socket.shutdown(socket.SHUT_RDWR)
            thread.join()
            self.socket.close()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self.socket.accept()
                self.tried += 1
                with contextlib.suppress(OSError), plain, self.context.wrap_socket(plain, True) as taken:  # noqa: FBT003
                    taken.settimeout(2)
                    self.heard += taken.recv(65536)


def _of_another_service(ours: Authority) -> tuple[str, Authority]:
    return f"spiffe://{MESH}/service/gone", ours


def _of_another_authority(_: Authority) -> tuple[str, Authority]:
    name = f"spiffe://{MESH}/service/inventory"
    return name, authorities.make(MESH, datetime.now(UTC), timedelta(hours=1))


def _itself(ours: Authority) -> tuple[str, Authority]:
    return f"spiffe://{MESH}/service/inventory", ours


@pytest.mark.parametrize("who", [_of_another_service, _of_another_authority, _itself])
def test_a_false_callee_gets_no_request(own: Rig, who: object) -> None:
    """A program that took the port while the sidecar was away. The true one would get it: the test can fail."""
    assert callable(who)
    ours = mtls.authority(own.folder, MESH)
    spiffe_id, issuer = who(ours)
    certificate, key = authorities.issue(issuer, spiffe_id, datetime.now(UTC), timedelta(hours=1))
    pems = of_certificate(certificate), of_key(key), ours.pem
    port = own.sidecar("inventory").port
    with Impostor(*pems).listening() as impostor:
        was = lead_over(own, "orders", f"port_value: {port}", f"port_value: {impostor.port}")
        bearer = f"authorization: Bearer {own.forge.good()}"
        until(lambda: ask_inventory(own, bearer) and impostor.tried, "the egress tries the impostor")
        answer = ask_inventory(own, bearer)
        rig.write(own.folder, {"orders/clusters.yaml": was})
    assert answer.status == 503
    assert bool(impostor.heard) == (who is _itself)
    until(lambda: ask_inventory(own, bearer).status == 200, "the true one is asked again")


def ask_inventory(own: Rig, *headers: str) -> wire.Answer:
    return wire.ask(own.egress(), "GET /stock HTTP/1.1", "host: inventory", *headers)


def test_a_peer_that_cannot_be_reached_is_named(own: Rig) -> None:
    """By its own sidecar, or by the caller's if that is away; the edge names nobody to the outer world."""
    bearer = f"authorization: Bearer {own.forge.good()}"

    def unavailable(answer: wire.Answer) -> str:
        assert (answer.status, answer.headers["x-pillion-refused"]) == (503, "service-unavailable")
        assert answer.headers["retry-after"] == "1"
        return str(json.loads(answer.body)["detail"])

    service_away = wire.ask(own.egress(), "GET / HTTP/1.1", "host: gone", bearer)
    assert unavailable(service_away) == "The service 'gone' cannot be reached."
    port = own.sidecar("inventory").port
    [free] = mesh.free_ports(1)
    was = lead_over(own, "orders", f"port_value: {port}", f"port_value: {free}")
    until(lambda: ask_inventory(own, bearer).status == 503, "the sidecar is asked where it is not")
    assert unavailable(ask_inventory(own, bearer)) == "The service 'inventory' cannot be reached."
    rig.write(own.folder, {"orders/clusters.yaml": was})
    until(lambda: ask_inventory(own, bearer).status == 200, "it is asked where it is")
