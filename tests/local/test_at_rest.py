"""Whether anything runs here: what is waited for when something is revoked depends on it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import mesh
from tests.cli.echo_mesh import ECHO, topology
from tests.control.running import ask
from tests.mesh import Mesh

EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"
NOTHING = "nothing runs that would have to be told\n"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Mesh]:
    """Give a mesh of one service, with one account that is signed in."""
    with mesh.running(tmp_path / "mesh", topology(), {"echo.py": ECHO}) as started:
        assert started.pillion("user", "add", EMAIL, "--password-stdin", given=PASSWORD).returncode == 0
        assert started.pillion("token", "--user", EMAIL).returncode == 0
        yield started


def revoked(stopped: Mesh) -> str:
    """Revoke what is left of the sessions; gives what was said."""
    answer = stopped.pillion("session", "revoke", "--user", EMAIL)
    assert (answer.returncode, answer.stderr) == (0, "")
    return answer.stdout


def test_after_down_nobody_is_missed(running: Mesh) -> None:
    running.stop()
    assert ask(running.state, "SELECT * FROM identity_controlreport") == []
    assert revoked(running).endswith(NOTHING)


def test_after_the_end_of_everything_nobody_is_missed(running: Mesh) -> None:
    """The machine lost its power: nobody could say goodbye."""
    up = psutil.Process(running.status()["supervisor"])
    for process in (up, *up.children(recursive=True)):
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs([up], timeout=10)
    assert ask(running.state, "SELECT * FROM identity_controlreport") != []
    assert revoked(running).endswith(NOTHING)


def test_while_an_envoy_runs_without_control_it_is_missed(running: Mesh) -> None:
    """`up` was killed and control has ended; the Envoys that were left go on, and can be told nothing."""
    up = psutil.Process(running.status()["supervisor"])
    control = psutil.Process(running.workload("control", "control")["pid"])
    os.kill(up.pid, signal.SIGKILL)
    control.terminate()
    psutil.wait_procs([up, control], timeout=10)
    ask(running.state, "UPDATE identity_controlreport SET seen_at = seen_at - 10000")
    answer = running.pillion("session", "revoke", "--user", EMAIL)
    assert answer.returncode == 1
    assert "control is not heard of" in answer.stderr
