"""Which ports are open: those in `pillion status`, and no other."""

from collections.abc import Iterable

import psutil
import pytest

from tests.edge.edge_mesh import EdgeMesh


def _listening(processes: Iterable[psutil.Process]) -> set[str]:
    return {
        f"{connection.laddr.ip}:{connection.laddr.port}"
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.mark.parametrize("kind", ["edge", "sidecar", "identity"])
def test_nothing_listens_but_at_the_addresses_of_the_status(edge: EdgeMesh, kind: str) -> None:
    workloads = [workload for workload in edge.mesh.status()["workloads"] if workload["kind"] == kind]
    assert workloads
    for workload in workloads:
        process = psutil.Process(workload["pid"])
        known = {workload["address"], workload.get("egress")} if kind != "identity" else set()
        assert _listening((process, *process.children(recursive=True))) == known - {None}


def test_an_admin_interface_is_a_socket_for_its_owner_alone(edge: EdgeMesh) -> None:
    sockets = list((edge.mesh.state / "run").glob("*.sock"))
    assert {socket.name for socket in sockets} >= {"edge.admin.sock", "echo.admin.sock", "identity.sock"}
    for folder in (edge.mesh.state, edge.mesh.state / "run"):
        assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("path", ["/stats", "/config_dump", "/quitquitquit", "/server_info", "/ready"])
def test_no_admin_path_is_served_at_the_edge(edge: EdgeMesh, path: str) -> None:
    assert edge.get(path).status_code == 404
    assert edge.ask("POST", path).status_code == 404
