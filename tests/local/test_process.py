"""One process: its gate, its group, its output."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pillion.local import births, groups, process
from pillion.local.process import Command, Process, Receivers
from tests.local.waiting import eventually, until

STUBBORN = "trap '' TERM; echo stubborn; while :; do sleep 0.05; done"
PARENT = "sleep 60 & echo child $!; wait"


def sh(script: str, folder: Path) -> Command:
    return Command(("/bin/sh", "-c", script), folder, {"PATH": os.defpath})


def ignore(_: int, __: str | None) -> None:
    pass


async def started(script: str, folder: Path, lines: list[str]) -> Process:
    return await process.start(sh(script, folder), Receivers(lines.append), ignore)


def test_a_process_is_recorded_before_its_command_begins(tmp_path: Path) -> None:
    async def run() -> None:
        seen: list[bool] = []

        def record(pid: int, born: str | None) -> None:
            assert born == births.birth(pid)
            seen.append((tmp_path / "began").exists())

        child = await process.start(sh("touch began", tmp_path), Receivers(print), record)
        assert await child.exited() == 0
        assert seen == [False]
        assert (tmp_path / "began").exists()

    asyncio.run(run())


def test_a_command_whose_supervisor_dies_before_the_record_never_begins(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, signal
from pathlib import Path
from pillion.local import process
command = process.Command(("/bin/sh", "-c", "touch began"), Path({str(tmp_path)!r}), {{"PATH": os.defpath}})
def record(pid, born):
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(process.start(command, process.Receivers(print), record))
"""
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    until(lambda: groups.is_empty(int(killed.stdout)), "the gate has closed")
    assert not (tmp_path / "began").exists()


def test_what_a_process_prints_comes_line_by_line(tmp_path: Path) -> None:
    async def run() -> list[str]:
        lines: list[str] = []
        child = await started("echo one; echo two >&2; printf three", tmp_path, lines)
        assert await child.exited() == 0
        return lines

    assert asyncio.run(run()) == ["one", "two", "three"]


def test_standard_error_can_be_had_apart(tmp_path: Path) -> None:
    async def run() -> tuple[list[str], list[str]]:
        out: list[str] = []
        err: list[str] = []
        receivers = Receivers(out.append, err.append)
        child = await process.start(sh("echo out; echo err >&2; exit 3", tmp_path), receivers, ignore)
        assert await child.exited() == 3
        return out, err

    assert asyncio.run(run()) == (["out"], ["err"])


def test_a_process_reads_nothing_from_the_terminal(tmp_path: Path) -> None:
    async def run() -> list[str]:
        lines: list[str] = []
        child = await started("read -r line || echo nothing", tmp_path, lines)
        await child.exited()
        return lines

    assert asyncio.run(run()) == ["nothing"]


def test_stopping_ends_what_the_process_has_started_too(tmp_path: Path) -> None:
    async def run() -> None:
        lines: list[str] = []
        child = await started(PARENT, tmp_path, lines)
        await eventually(lambda: lines, "the grandchild runs")
        grandchild = int(lines[0].split()[1])
        born = births.birth(grandchild)
        assert births.lives(grandchild, born)
        await child.stop(5)
        assert not births.lives(grandchild, born)
        assert groups.is_empty(child.pid)

    asyncio.run(run())


def test_a_process_that_does_not_heed_the_request_to_end_is_killed(tmp_path: Path) -> None:
    async def run() -> None:
        lines: list[str] = []
        child = await started(STUBBORN, tmp_path, lines)
        await eventually(lambda: lines, "the trap is set")
        await child.stop(0.2)
        assert await child.exited() == -signal.SIGKILL

    asyncio.run(run())


def test_private_files_of_a_process_are_for_their_owner_alone(tmp_path: Path) -> None:
    async def run() -> None:
        child = await started("touch made", tmp_path, [])
        await child.exited()

    asyncio.run(run())
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-250, "killed by signal 250")],
)
def test_an_exit_code_is_said_in_words(code: int, words: str) -> None:
    assert process.exit_words(code) == words
