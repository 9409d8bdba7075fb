"""One supervisor for each state folder."""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pillion.local import births, lock
from pillion.local.failure import LocalError


def test_a_second_supervisor_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.held(path):
        assert lock.holder(path) == os.getpid()
        with pytest.raises(LocalError, match=rf"\(pid {os.getpid()}\): stop it first"), lock.held(path):
            pass
    assert lock.holder(path) is None


def test_somebody_who_only_looks_is_no_supervisor(tmp_path: Path) -> None:
    """`pillion status` takes a shared lock for a moment."""
    path = tmp_path / "lock"
    path.touch()
    with path.open("rb+") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        timer = threading.Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN))
        timer.start()
        with lock.held(path):
            pass
        timer.join()


def test_a_killed_supervisor_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import os, signal; from pathlib import Path; from pillion.local import lock\n"
        f"with lock.held(Path({str(path)!r})): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert path.exists()
    assert lock.holder(path) is None
    with lock.held(path):
        pass


def test_where_nothing_ever_ran_nobody_holds_the_lock(tmp_path: Path) -> None:
    assert lock.holder(tmp_path / "none" / "lock") is None
    (tmp_path / "file").touch()
    assert lock.holder(tmp_path / "file" / "lock") is None


def test_a_pid_that_belongs_to_another_process_by_now_is_never_given(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.held(path):
        path.write_text(f"{os.getppid()} {births.birth(os.getpid())}\n", encoding="ascii")
        assert lock.is_held(path)
        assert lock.holder(path) is None
