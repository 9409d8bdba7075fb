"""`pillion down` stops everything, and says so; a second one has nothing to do."""

import os
import re
import signal
from pathlib import Path

from tests.cli.echo_mesh import ECHO, running_in, topology, write
from tests.local.waiting import until
from tests.mesh import START_SECONDS, pillion, running


def test_down_stops_everything_also_what_a_killed_supervisor_left_and_then_nothing_runs(
    tmp_path: Path,
) -> None:
    with running(tmp_path, topology(), {"echo.py": ECHO}) as mesh:
        os.kill(mesh.status()["supervisor"], signal.SIGKILL)
        until(lambda: mesh.status()["supervisor"] is None, "the supervisor is gone")
        down = mesh.pillion("down")
        assert down.returncode == 0
        assert down.stdout.startswith("'pillion up' was killed; stopping what it left: ")
        assert not running_in(tmp_path)
        assert mesh.pillion("down").stdout == "nothing runs\n"

        again = mesh.pillion("up", "--detach", timeout=START_SECONDS)
        assert again.returncode == 0, again.stderr
        mesh.file.write_text("this: is no topology any more", encoding="utf-8")
        down = mesh.pillion("down")
        assert down.returncode == 0
        assert re.fullmatch(r"stopping edge, identity, control, echo\nstopped in \d+\.\d s\n", down.stdout)
        assert not running_in(tmp_path)
        status = mesh.status()
        assert (status["ready"], status["supervisor"]) == (False, None)
        assert {workload["state"] for workload in status["workloads"]} == {"stopped"}
        second = mesh.pillion("down")
        assert (second.returncode, second.stdout, second.stderr) == (0, "nothing runs\n", "")


def test_down_where_nothing_ever_ran_says_so(tmp_path: Path) -> None:
    down = pillion(write(tmp_path, topology()), "down")
    assert (down.returncode, down.stdout) == (0, "nothing runs\n")
    assert not (tmp_path / ".pillion").exists()
