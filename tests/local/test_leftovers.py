"""What a killed supervisor has left is ended, and nothing else."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from pillion.local import births, groups, leftovers
from pillion.local.record import Entry, Record
from tests.local.waiting import until


@contextmanager
def orphan(script: str = "exec sleep 60") -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            groups.send(child.pid, signal.SIGKILL)


def recorded(pid: int, birth: str | None) -> Record:
    entry = Entry(name="orders", kind="service", state="ready", address="", pid=pid, birth=birth)
    return Record(pid=1, birth=None, state="ready", edge="", entries=(entry,))


def test_a_recorded_process_is_found_and_ended() -> None:
    with orphan() as child:
        left = leftovers.find(recorded(child.pid, births.birth(child.pid)))
        assert [entry.pid for entry in left] == [child.pid]
        leftovers.end(left)
        assert child.wait(0) == -signal.SIGTERM


def test_a_process_that_only_has_the_same_pid_is_left_alone() -> None:
    with orphan() as child:
        birth = births.birth(child.pid)
        assert birth is not None
        boot, _, ticks = birth.rpartition("/")
        other = f"{boot}/{int(float(ticks)) - 1}"
        assert leftovers.find(recorded(child.pid, other)) == []
        assert leftovers.find(recorded(child.pid, None)) == []
        assert child.poll() is None


def test_what_a_dead_process_had_started_is_ended_too() -> None:
    with orphan("sleep 60 & echo $!; exit 0") as child:
        birth = births.birth(child.pid)
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        child.wait()
        left = leftovers.find(recorded(child.pid, birth))
        assert len(left) == 1
        born = births.birth(grandchild)
        leftovers.end(left)
        until(lambda: not births.lives(grandchild, born), "the grandchild has ended")


def test_a_process_that_ignores_the_request_is_killed() -> None:
    with orphan("trap '' TERM; echo set; while :; do sleep 0.05; done") as child:
        assert child.stdout is not None
        child.stdout.readline()
        leftovers.end(leftovers.find(recorded(child.pid, births.birth(child.pid))), grace=0.2)
        assert child.wait(5) == -signal.SIGKILL


def test_a_supervisor_never_counts_itself_as_left_over() -> None:
    assert leftovers.find(recorded(os.getpid(), births.birth(os.getpid()))) == []


def test_a_birth_is_of_one_process_alone() -> None:
    with orphan() as one, orphan() as other:
        assert births.birth(one.pid) == births.birth(one.pid)
        assert (one.pid, births.birth(one.pid)) != (other.pid, births.birth(other.pid))
        pid = one.pid
    assert births.birth(pid) is None
    assert not births.lives(pid, None)
