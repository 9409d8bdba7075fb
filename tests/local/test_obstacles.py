"""What keeps a mesh from starting is found before anything is started, and said in one sentence."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pillion.local import obstacles
from pillion.local.failure import LocalError
from pillion.topology import Telemetry, Topology
from tests.mesh import free_ports

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def refusal(topology: Topology, folder: Path) -> str:
    with pytest.raises(LocalError) as refused:
        obstacles.refuse(topology, folder / "pillion.yaml", ENVIRONMENT)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def one(folder: Path, run: str) -> str:
    (port,) = free_ports(1)
    return refusal(edged(orders={"app": f"127.0.0.1:{port}", "run": run}), folder)


def edged(listen: str = "", **services: object) -> Topology:
    (port,) = free_ports(1)
    edge = {"listen": listen or f"127.0.0.1:{port}", "origin": "http://localhost"}
    return Topology.model_validate({"mesh": "shop", "edge": edge, "services": services})


def test_a_port_in_use_is_named_with_its_key_and_its_holder(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refusal(edged(orders={"app": f"127.0.0.1:{port}", "run": "python orders.py"}), tmp_path)
        assert said.startswith(f"services.orders.app in pillion.yaml: 127.0.0.1:{port} is in use by ")
        assert f"(pid {os.getpid()})" in said
        assert "edge.listen" in refusal(edged(f"127.0.0.1:{port}", o={"app": "127.0.0.1:1"}), tmp_path)


def test_an_isolated_service_may_listen_at_a_port_in_use_on_the_machine(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        topology = edged(orders={"app": f"127.0.0.1:{other.getsockname()[1]}", "run": "python orders.py"})
        obstacles.refuse(topology, tmp_path / "pillion.yaml", ENVIRONMENT, isolate=True)


@pytest.mark.parametrize("isolate", [False, True])
def test_the_address_of_the_metrics_must_be_free_whether_services_are_isolated_or_not(
    tmp_path: Path, *, isolate: bool
) -> None:
    """They are the machine's, and nobody would be told that there are none."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        topology = edged(orders={"app": "127.0.0.1:1", "run": "python orders.py"}).model_copy(
            update={"telemetry": Telemetry.model_validate({"metrics": f"127.0.0.1:{port}"})}
        )
        with pytest.raises(
            LocalError, match=rf"^telemetry.metrics in pillion.yaml: 127.0.0.1:{port} is in use"
        ):
            obstacles.refuse(topology, tmp_path / "pillion.yaml", ENVIRONMENT, isolate=isolate)


def test_an_external_service_may_listen_already(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        topology = edged(orders={"app": f"127.0.0.1:{other.getsockname()[1]}"})
        obstacles.refuse(topology, tmp_path / "pillion.yaml", ENVIRONMENT)


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    # RFC 5737, section 3: an address that no machine has.
    said = refusal(edged("192.0.2.1:8080", orders={"app": "127.0.0.1:1"}), tmp_path)
    assert "nothing can listen at 192.0.2.1:8080 on this machine" in said


def test_a_missing_program_is_refused(tmp_path: Path) -> None:
    assert "there is no program 'pythn'" in one(tmp_path, "pythn orders.py")
    assert "there is no program './orders'" in one(tmp_path, "./orders")


def test_a_program_that_may_not_be_executed_is_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "orders").touch(mode=0o644)
    assert "'./orders' may not be executed: 'chmod +x' it" in one(tmp_path, "./orders")


def test_a_variable_before_the_program_is_answered_with_env(tmp_path: Path) -> None:
    assert "write 'env DEBUG=1 python orders.py'" in one(tmp_path, "DEBUG=1 python orders.py")


def test_too_few_files_that_may_be_watched_are_no_trace_of_an_envoys_stack(tmp_path: Path) -> None:
    """In a user namespace, which has limits of its own."""
    program = (
        "from pathlib import Path; from tests.local import test_obstacles as t; "
        f"print(t.refusal(t.edged(a={{'app': '127.0.0.1:1'}}), Path({str(tmp_path)!r})))"
    )
    limited = f'echo 11 > /proc/sys/user/max_inotify_instances && exec "$0" -c "{program}"'
    tried = subprocess.run(
        ["unshare", "-r", "sh", "-c", limited, sys.executable], capture_output=True, text=True, check=False
    )
    if "unshare" in tried.stderr or "Permission denied" in tried.stderr:
        pytest.skip("there are no user namespaces here")
    assert tried.stdout.startswith("2 Envoys cannot watch their files: "), tried.stderr
    assert "sysctl fs.inotify.max_user_instances=" in tried.stdout
