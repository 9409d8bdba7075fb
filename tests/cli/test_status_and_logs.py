"""`pillion status` and `pillion logs`, on a mesh that runs and on none."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.cli.echo_mesh import ECHO, topology, write
from tests.mesh import Mesh, command, pillion, running


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Give a mesh of one service, and of another that its user has not started yet."""
    extra = "  other: {app: '127.0.0.1:1', paths: [/other]}\n"
    with running(tmp_path_factory.mktemp("mesh"), topology(extra=extra), {"echo.py": ECHO}) as started:
        yield started


def test_a_ready_mesh_is_reported_in_the_promised_form(mesh: Mesh) -> None:
    answer = mesh.pillion("status", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    status = json.loads(answer.stdout)
    assert status["ready"] is True
    assert status["edge"].startswith("http://localhost:")
    found = {(w["kind"], w["name"]): w for w in status["workloads"]}
    assert set(found) == {
        ("edge", "edge"),
        ("identity", "identity"),
        ("control", "control"),
        ("service", "echo"),
        ("sidecar", "echo"),
        ("service", "other"),
        ("sidecar", "other"),
    }
    other = found.pop(("service", "other"))
    assert (other["state"], other["external"], other["pid"]) == ("down", True, None), "it is not waited for"
    for (kind, _), workload in found.items():
        assert workload["state"] == "ready"
        assert isinstance(workload["pid"], int)
        assert workload["restarts"] == 0
        assert workload["since"].endswith("+00:00")
        assert (workload["revocations"] == 0) == (kind in {"edge", "sidecar"})
    assert found["service", "echo"]["keys"] is None
    kids = found["identity", "identity"]["keys"]
    assert len(kids) == 1
    for envoy in (found["edge", "edge"], found["sidecar", "echo"]):
        assert envoy["keys"] == kids
        assert envoy["connected"] is True
        assert envoy["connected_since"].endswith("+00:00")
        assert envoy["acknowledged_at"].endswith("+00:00")
        assert envoy["refused"] == {}
    assert found["sidecar", "echo"]["egress"].startswith("127.0.0.1:")

    table = mesh.pillion("status")
    assert table.returncode == 0
    assert table.stdout.splitlines()[0].split()[:5] == ["NAME", "KIND", "STATE", "ADDRESS", "PID"]
    assert table.stdout.splitlines()[-1] == f"ready — {mesh.edge}"
    told = [line.split()[:2] for line in table.stdout.splitlines()]
    assert ["edge", "connected"] in told
    assert ["echo", "connected"] in told


def test_where_nothing_runs_the_exit_code_is_1(tmp_path: Path) -> None:
    file = write(tmp_path, topology())
    answer = pillion(file, "status", "--json")
    assert answer.returncode == 1
    assert json.loads(answer.stdout) == {
        "ready": False,
        "edge": None,
        "supervisor": None,
        "workloads": [],
        "trust": [],
        "edit": None,
    }
    human = pillion(file, "status")
    assert (human.returncode, human.stdout) == (1, "nothing runs: start it with 'pillion up'\n")


def test_the_output_of_the_processes_is_shown_and_followed(mesh: Mesh) -> None:
    shown = mesh.pillion("logs")
    assert shown.returncode == 0
    assert any(
        line.startswith("echo ") and line.endswith("│ echo listens") for line in shown.stdout.splitlines()
    )
    assert any(line.startswith("identity ") for line in shown.stdout.splitlines())

    follow = subprocess.Popen(
        [*command(), "logs", "-f", str(mesh.file), "echo", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follow.stdout is not None
    assert follow.stdout.readline().endswith("│ echo listens\n")
    httpx.get(f"{mesh.edge}/print/later")
    assert follow.stdout.readline().endswith("│ later\n")
    follow.send_signal(signal.SIGINT)
    _, said = follow.communicate(timeout=10)
    assert follow.returncode == 130
    assert "Traceback" not in said

    unknown = mesh.pillion("logs", "ecko")
    assert unknown.returncode == 1
    assert unknown.stderr == "Error: nothing named 'ecko' has logs (did you mean 'echo'?)\n"
    secrets = [
        path.read_text(encoding="latin-1") for path in (mesh.state / "secrets").rglob("*") if path.is_file()
    ]
    assert not [
        secret for secret in secrets if secret.strip() and secret.strip() in mesh.pillion("logs").stdout
    ]


def test_without_logs_it_is_said_how_to_get_some(tmp_path: Path) -> None:
    missing = pillion(write(tmp_path, topology()), "logs")
    assert missing.returncode == 1
    assert missing.stderr.startswith("Error: there are no logs in ")
