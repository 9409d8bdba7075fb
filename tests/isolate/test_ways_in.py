"""Nobody reaches an isolated service but through its sidecar."""

import socket
import sys
from functools import partial

import httpx
import pytest

from tests.isolate.isolated import Isolated, here, namespace

# Connects to a Unix socket, by plain HTTP or by TLS without a certificate, and prints what comes back.
ASK = """
import socket, ssl, sys
asking = socket.socket(socket.AF_UNIX)
asking.connect(sys.argv[1])
if sys.argv[2] == "tls":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    asking = context.wrap_socket(asking)
else:
    asking.sendall(b"GET / HTTP/1.1\\r\\nhost: stock\\r\\n\\r\\n")
print(asking.recv(100))
"""
KNOCK = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 2)"


def test_each_service_has_a_network_of_its_own_where_its_sidecar_is(mesh: Isolated) -> None:
    networks = [
        {namespace(mesh.pid(name, kind), "net") for kind in ("service", "sidecar")}
        for name in ("front", "stock")
    ]
    outside = {namespace(mesh.pid(name, name), "net") for name in ("edge", "identity", "control")}
    assert [len(one) for one in (*networks, outside)] == [1, 1, 1]
    assert len(networks[0] | networks[1] | outside) == 3


def test_a_request_passes_the_edge_and_two_sidecars(mesh: Isolated) -> None:
    assert httpx.get(f"{mesh.mesh.edge}/front").text == "front"
    assert mesh.inside("curl -s http://stock/") == "stockexit 0"


def test_a_services_own_port_is_not_reached_from_where_the_edge_is(mesh: Isolated) -> None:
    for port in (mesh.front, mesh.stock):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 2)


def test_a_services_own_port_is_not_reached_from_another_services_network(mesh: Isolated) -> None:
    assert mesh.beside("stock", "python3", "-c", KNOCK, str(mesh.stock)).returncode == 0
    refused = mesh.beside("front", "python3", "-c", KNOCK, str(mesh.stock))
    assert "ConnectionRefusedError" in refused.stderr


def test_a_sidecar_is_reached_from_everywhere_and_answers_mtls_alone(mesh: Isolated) -> None:
    socket_of_stock = str(mesh.socket("stock"))
    for run in (here, partial(mesh.beside, "front")):
        assert "CERTIFICATE_REQUIRED" in run(sys.executable, "-c", ASK, socket_of_stock, "tls").stderr
        plain = run(sys.executable, "-c", ASK, socket_of_stock, "plain")
        assert plain.stdout == "b''\n" or "ConnectionResetError" in plain.stderr, plain
    front = mesh.mesh.identified("spiffe://test/service/front")
    uds = httpx.HTTPTransport(uds=socket_of_stock, verify=front)
    with httpx.Client(transport=uds) as client:
        assert client.get("https://stock/").text == "stock"


def test_the_status_says_what_is_isolated(mesh: Isolated) -> None:
    shown = {(w["name"], w["kind"]): w["isolated"] for w in mesh.mesh.status()["workloads"]}
    assert {one for one, isolated in shown.items() if isolated} == {
        (name, kind) for name in ("front", "stock") for kind in ("service", "sidecar")
    }
    assert f"127.0.0.1:{mesh.stock} (isolated)" in mesh.mesh.pillion("status").stdout
