"""`pillion status` in the form that scripts rely on, and as a table."""

import json
from pathlib import Path

from tests.cli.echo_mesh import ECHO, topology, write
from tests.mesh import pillion, running


def test_a_ready_mesh_is_reported_in_the_promised_form(tmp_path: Path) -> None:
    with running(tmp_path, topology(), {"echo.py": ECHO}) as mesh:
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
        }
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
