"""Whoever takes an isolated service over reaches its egress, and nothing else: all of it tried from inside."""

import os
import socket

from tests.isolate.isolated import Isolated, namespace

REFUSED = "Connection refused"
UNREACHABLE = "Network is unreachable"


def connected(mesh: Isolated, host: str, port: int) -> str:
    """Connect from inside the service `front`; gives what the system says to it."""
    return mesh.inside(f"timeout 3 bash -c 'echo > /dev/tcp/{host}/{port}'")


def test_there_is_a_loopback_interface_and_no_other(mesh: Isolated) -> None:
    assert mesh.inside("cut -d: -f1 -s /proc/net/dev").split() == ["lo", "exit", "0"]


def test_the_machines_own_loopback_is_not_reached(mesh: Isolated) -> None:
    with socket.create_server(("127.0.0.1", 0)) as host:
        port = host.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        for one in (port, mesh.port):
            assert REFUSED in connected(mesh, "127.0.0.1", one)
    assert "exit 0" in connected(mesh, "127.0.0.1", mesh.front)


def test_other_machines_are_not_reached(mesh: Isolated) -> None:
    # RFC 5737 and 3849: what is asked for is the route.
    for host in ("192.0.2.1", "2001:db8::1"):
        assert UNREACHABLE in connected(mesh, host, 443)


def test_another_service_is_reached_by_the_egress_alone(mesh: Isolated) -> None:
    assert REFUSED in connected(mesh, "127.0.0.1", mesh.stock)
    assert mesh.inside("curl -s http://stock/") == "stockexit 0"
    refused = mesh.inside("curl -s http://elsewhere.example/")
    assert "urn:pillion:problem:peer-not-called" in refused


def test_the_environment_names_port_and_egress(mesh: Isolated) -> None:
    found = mesh.inside("echo $PORT $HTTP_PROXY $http_proxy").split()
    egress = mesh.mesh.egress("front")
    assert found[:3] == [str(mesh.front), egress, egress]
    assert "PILLION_SERVICE=front" in mesh.inside("env")
    assert "exit 0" in connected(mesh, "127.0.0.1", int(egress.rpartition(":")[2]))


def test_no_socket_of_the_mesh_is_reached(mesh: Isolated) -> None:
    sockets = sorted((mesh.mesh.state / "run").glob("*.sock"))
    assert {"identity.sock", "control.sock", "edge.admin.sock", "stock.inbound.sock"} <= {
        s.name for s in sockets
    }
    for one in sockets:
        assert "exit 7" in mesh.inside(f"curl -sS --unix-socket {one} http://localhost/")


def test_no_socket_without_a_path_is_reached(mesh: Isolated) -> None:
    name = f"\0pillion-{os.getpid()}"
    knock = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})"
    with socket.socket(socket.AF_UNIX) as host, socket.socket(socket.AF_UNIX) as client:
        host.bind(name)
        host.listen()
        client.connect(name)
        assert REFUSED in mesh.inside(f'python3 -c "{knock}"')


def test_the_state_folder_is_empty_and_stays_so(mesh: Isolated) -> None:
    state, project = mesh.mesh.state, mesh.mesh.state.parent
    assert (state / "secrets" / "control.key").exists()
    assert mesh.inside(f"ls -A {state}") == "exit 0"
    tries = f"umount {state}; umount -l {state}; mount --move {state} /mnt; mv {state} {state}.seen"
    further = "; ".join(
        (
            tries,
            f"mount --bind {project} /mnt",
            f"mount -t overlay overlay -o lowerdir={project}:/mnt /mnt",
            f"ls -A {state} /mnt/{state.name} {state}.seen",
        )
    )
    script = f"{tries}; unshare -Urm bash -c '{further}'; ls -A {state} {state}.seen; find {project}"
    try:
        said = mesh.inside(script)
    finally:
        if not state.exists():  # nobody could stop the mesh then
            state.with_name(f"{state.name}.seen").rename(state)
    assert "unshare" not in said, said
    assert "secrets" not in said, said
    assert "pillion.yaml" in said
    assert (state / "secrets" / "control.key").exists()


def test_nothing_is_seen_of_the_processes_outside(mesh: Isolated) -> None:
    pids = [mesh.pid(*one) for one in (("front", "sidecar"), ("stock", "service"), ("identity", "identity"))]
    for pid in (*pids, mesh.mesh.status()["supervisor"]):
        assert namespace(pid, "net")
        for what in (f"cat /proc/{pid}/environ", f"ls /proc/{pid}/root/", f"ls -l /proc/{pid}/ns/net"):
            said = mesh.inside(what)
            assert "Permission denied" in said, said
            assert "exit 0" not in said
        assert "exit 0" not in mesh.inside(f"nsenter -t {pid} -n true")
    assert "PILLION_SERVICE=front" in mesh.inside("cat /proc/self/environ")


def test_the_network_cannot_be_changed(mesh: Isolated) -> None:
    down = (
        "import fcntl, socket, struct; "
        "fcntl.ioctl(socket.socket(socket.AF_INET), 0x8914, struct.pack('16sh22x', b'lo', 0))"
    )
    packets = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"
    if os.geteuid() == 0:  # anybody else's rights end with the program that entered
        assert mesh.beside("stock", "python3", "-c", packets).returncode == 0
    for script in (down, packets):
        assert "PermissionError" in mesh.inside(f'python3 -c "{script}"')
