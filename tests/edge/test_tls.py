"""TLS at the edge, from files: what it offers, what an https origin changes, and how a certificate is replaced."""

import re
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from tests import certificates, wire
from tests.edge import edge_mesh
from tests.edge.edge_mesh import USER, EdgeMesh, headers
from tests.local.waiting import until
from tests.system.shop import PASSWORD

SESSION, TOKEN = "__Host-pillion-session", "__Host-pillion-token"


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeMesh]:
    """Give a mesh whose edge speaks TLS."""
    pair = certificates.pair()
    with edge_mesh.running(
        tmp_path_factory.mktemp("tls") / "mesh",
        "tls: {certificate: tls.crt, key: tls.key}",
        {"tls.crt": pair.certificate, "tls.key": pair.key},
        ssl.create_default_context(cadata=pair.certificate),
    ) as started:
        yield started


def _connect(edge: EdgeMesh, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(edge.address, timeout=5)
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


def _serial(edge: EdgeMesh) -> int:
    """Give the serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with _connect(edge, context) as connection:
        shown = connection.getpeercert(binary_form=True)
    assert shown
    return x509.load_der_x509_certificate(shown).serial_number


def test_cookies_are_secure_and_bound_to_this_host(edge: EdgeMesh) -> None:
    assert edge.edge.startswith("https://localhost:")
    account = {"email": USER, "password": PASSWORD}
    with httpx.Client(base_url=edge.edge, verify=edge.verify, headers={"origin": edge.edge}) as client:
        answer = client.post("/sign-in", json=account)
        written = answer.headers.get_list("set-cookie")
        assert sorted(one.partition("=")[0] for one in written) == [SESSION, TOKEN]
        for one in written:
            attributes = {part.lower() for part in one.split("; ")[1:]}
            assert {"secure", "httponly", "path=/", "samesite=lax"} <= attributes
            assert not any(attribute.startswith("domain") for attribute in attributes)
        assert headers(client.get("/api/things"))["x-pillion-email"] == USER
        del client.cookies[TOKEN]
        renewed = client.get("/api/things")
        assert headers(renewed)["x-pillion-email"] == USER
        assert re.match(rf"{TOKEN}=[^;]+; .*Secure", renewed.headers["set-cookie"])
        assert client.post("/api/things").status_code == 200


def test_cookies_without_the_prefix_count_for_nothing(edge: EdgeMesh) -> None:
    """A page on a neighbouring host can plant those, but not the ones with it."""
    token = edge.sign_in()[TOKEN]
    answer = edge.get("/api/things", cookie=f"pillion-token={token}; pillion-session=x")
    assert answer.status_code == 401


def test_the_service_is_told_that_the_caller_used_https(edge: EdgeMesh) -> None:
    assert headers(edge.get("/api/open/things", x_forwarded_proto="http"))["x-forwarded-proto"] == "https"


@pytest.mark.parametrize(
    ("version", "served"),
    [
        (ssl.TLSVersion.TLSv1, False),
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_tls_is_1_2_at_least(edge: EdgeMesh, version: ssl.TLSVersion, served: bool) -> None:  # noqa: FBT001
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # so that this side is willing, and only the edge can refuse
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    if served:
        with _connect(edge, context) as connection:
            assert connection.version() == version.name.replace("_", ".")
        return
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        _connect(edge, context)


def test_http_2_is_offered_and_serves(edge: EdgeMesh) -> None:
    with httpx.Client(http1=False, http2=True, verify=edge.verify, base_url=edge.edge) as client:
        answer = client.get("/api/open/things", headers={"cookie": "theme=dark"})
        refused = client.post("/api/things")
    assert (answer.http_version, refused.http_version) == ("HTTP/2", "HTTP/2")
    assert headers(answer)["cookie"] == "theme=dark"
    edge_mesh.problem(refused, 401, "token-missing")


def test_a_plain_request_is_not_served(edge: EdgeMesh) -> None:
    assert wire.exchange(edge.address, wire.lines("GET /api/open/things HTTP/1.1", "Host: edge")) == []


def test_a_certificate_that_is_replaced_is_taken_up_and_connections_live_on(edge: EdgeMesh) -> None:
    folder = edge.mesh.file.parent
    new = certificates.pair()
    assert isinstance(edge.verify, ssl.SSLContext)
    edge.verify.load_verify_locations(cadata=new.certificate)
    with httpx.Client(base_url=edge.edge, verify=edge.verify) as client:
        assert client.get("/api/open/things").status_code == 200
        pid = edge.mesh.workload("edge", "edge")["pid"]
        for name, text in (("tls.key", new.key), ("tls.crt", new.certificate)):
            _rename_onto(folder / name, text)
        until(lambda: _serial(edge) == new.serial, "the new certificate is shown")
        assert client.get("/api/open/things").status_code == 200
    assert edge.get("/api/open/things").status_code == 200
    assert edge.mesh.workload("edge", "edge")["pid"] == pid


def test_half_of_a_new_pair_leaves_the_old_one_in_use(edge: EdgeMesh) -> None:
    key, was = edge.mesh.file.parent / "tls.key", _serial(edge)
    old = key.read_text(encoding="utf-8")
    before = _failures(edge)
    _rename_onto(key, certificates.pair().key)
    until(lambda: _failures(edge) > before, "the edge says that the key does not fit")
    assert _serial(edge) == was
    assert edge.get("/api/open/things").status_code == 200
    _rename_onto(key, old)


def test_a_pair_written_in_place_is_taken_up(edge: EdgeMesh) -> None:
    """As `cp` does; by itself Envoy notices a rename alone."""
    folder, new = edge.mesh.file.parent, certificates.pair()
    (folder / "tls.key").write_text(new.key, encoding="utf-8")
    (folder / "tls.crt").write_text(new.certificate, encoding="utf-8")
    until(lambda: _serial(edge) == new.serial, "the new certificate is shown")


def test_a_pair_behind_links_that_move_is_taken_up(edge: EdgeMesh) -> None:
    """As certbot does: it makes the link anew, in place of the old one."""
    folder, new = edge.mesh.file.parent, certificates.pair()
    for name, text in (("tls.key", new.key), ("tls.crt", new.certificate)):
        (folder / f"2-{name}").write_text(text, encoding="utf-8")
        (folder / name).unlink()
        (folder / name).symlink_to(f"2-{name}")
    until(lambda: _serial(edge) == new.serial, "the new certificate is shown")


def _failures(edge: EdgeMesh) -> int:
    log = edge.mesh.state / "logs" / "edge.log"  # there is none before the first word
    return log.read_text(encoding="utf-8").count("Failed to reload cert") if log.exists() else 0


def _rename_onto(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
