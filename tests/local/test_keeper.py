"""Keeping a process running: readiness, restarts, and when a start has failed."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from pillion.local import keeper as keepers
from pillion.local.failure import LocalError
from pillion.local.keeper import Keeper
from pillion.local.output import LogFile
from pillion.local.process import Command
from pillion.local.spec import Spec
from tests.local.waiting import eventually, until

SLEEPER = "echo hello; touch ready; exec sleep 60"


def spec(script: str, folder: Path) -> Spec:
    async def is_ready() -> bool:
        return (folder / "ready").exists()

    return Spec(
        name="orders",
        kind="service",
        address="127.0.0.1:7001",
        probe=is_ready,
        command=Command(("/bin/sh", "-c", script), folder, {"PATH": os.defpath}),
        deaths=3,
    )


def keep(what: Spec, folder: Path, said: list[str] | None = None) -> Keeper:
    lines = said if said is not None else []
    return Keeper(what, LogFile(folder / "orders.log"), lambda: None, lambda _, line: lines.append(line))


def run_kept(keeper: Keeper, during: Callable[["asyncio.Task[None]"], Awaitable[None]]) -> None:
    async def run() -> None:
        task = asyncio.create_task(keeper.run())
        try:
            await during(task)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await keeper.stop()

    asyncio.run(run())


def test_a_process_is_ready_when_its_probe_says_so_and_stopped_when_it_is_gone(tmp_path: Path) -> None:
    keeper = keep(spec(SLEEPER, tmp_path), tmp_path)

    async def during(_: "asyncio.Task[None]") -> None:
        await keeper.ready()
        assert keeper.entry.state == "ready"
        assert keeper.entry.pid

    run_kept(keeper, during)
    assert keeper.entry.state == "stopped"
    assert keeper.entry.pid is None


def test_a_process_that_dies_is_started_again_and_its_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "FIRST_PAUSE_SECONDS", 0.05)
    said: list[str] = []
    keeper = keep(spec(SLEEPER, tmp_path), tmp_path, said)

    async def during(_: "asyncio.Task[None]") -> None:
        await keeper.ready()
        first = keeper.entry.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await eventually(
            lambda: keeper.entry.restarts == 1 and keeper.entry.state == "ready", "it runs again"
        )
        assert keeper.entry.pid != first
        assert keeper.entry.last_exit == -signal.SIGKILL
        assert keeper.entry.last_line == "hello"

    run_kept(keeper, during)
    assert "service orders ended (killed by SIGKILL), starts again in 0.05 s" in said


def test_the_pause_before_a_restart_doubles_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(keepers, "LONGEST_PAUSE_SECONDS", 0.04)
    said: list[str] = []
    keeper = keep(replace(spec("exit 1", tmp_path), deaths=6), tmp_path, said)

    async def during(task: "asyncio.Task[None]") -> None:
        await asyncio.wait([task])
        assert isinstance(task.exception(), LocalError)

    run_kept(keeper, during)
    assert [line.split(" in ")[1] for line in said] == ["0.01 s", "0.02 s", "0.04 s", "0.04 s", "0.04 s"]


def test_the_pause_is_short_again_after_a_time_of_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(keepers, "HEALTHY_SECONDS", 0.1)
    said: list[str] = []
    keeper = keep(spec("touch ready; sleep 0.3; exit 1", tmp_path), tmp_path, said)

    async def during(_: "asyncio.Task[None]") -> None:
        await eventually(lambda: len(said) >= 3, "it has died three times")

    run_kept(keeper, during)
    assert {line.split(" in ")[1] for line in said} == {"0.01 s"}


def test_a_service_that_dies_three_times_at_its_start_fails_it_with_its_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "FIRST_PAUSE_SECONDS", 0.01)
    keeper = keep(spec("echo begin >>began; echo no such table >&2; exit 3", tmp_path), tmp_path)

    async def during(task: "asyncio.Task[None]") -> None:
        with pytest.raises(LocalError, match=r"service orders ended .*exit code 3.*\n +no such table"):
            await task

    run_kept(keeper, during)
    assert (tmp_path / "began").read_text(encoding="utf-8").count("begin") == 3


def test_a_service_that_never_gets_ready_fails_the_start(tmp_path: Path) -> None:
    keeper = keep(replace(spec("exec sleep 60", tmp_path), ready_within=0.2), tmp_path)

    async def during(task: "asyncio.Task[None]") -> None:
        with pytest.raises(
            LocalError, match=r"not ready at 127\.0\.0\.1:7001 within 0\.2 s; it printed nothing"
        ):
            await task

    run_kept(keeper, during)


def test_of_an_envoy_the_gravest_line_is_shown(tmp_path: Path) -> None:
    script = "echo '[critical] [main] no such file'; echo '[warning] [main] exiting'; exit 1"
    keeper = keep(replace(spec(script, tmp_path), kind="sidecar", deaths=1), tmp_path)

    async def during(task: "asyncio.Task[None]") -> None:
        with pytest.raises(LocalError, match=r"sidecar orders ended.*: \[critical\] \[main\] no such file$"):
            await task

    run_kept(keeper, during)


def test_what_a_dead_process_left_behind_is_ended_before_it_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keepers, "FIRST_PAUSE_SECONDS", 0.01)
    script = "sleep 60 & echo $! >>left; exit 1"
    keeper = keep(replace(spec(script, tmp_path), deaths=2), tmp_path)

    async def during(task: "asyncio.Task[None]") -> None:
        await asyncio.wait([task])

    run_kept(keeper, during)
    for pid in map(int, (tmp_path / "left").read_text(encoding="utf-8").split()):
        until(partial(_is_gone, pid), "what was left has ended")


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_errand_gives_what_it_prints_and_its_last_words_when_it_fails(tmp_path: Path) -> None:
    async def once(script: str) -> str:
        keeper = keep(spec(script, tmp_path), tmp_path)
        try:
            return await keeper.once()
        finally:
            await keeper.stop()

    assert asyncio.run(once("echo '{}'; echo noise >&2")) == "{}"
    with pytest.raises(LocalError, match="service orders cannot be prepared: the disk is full"):
        asyncio.run(once("echo 'orders: the disk is full' >&2; exit 1"))
    with pytest.raises(LocalError, match="cannot be prepared: exit code 4, and it printed nothing"):
        asyncio.run(once("exit 4"))


def test_an_external_service_is_not_waited_for(tmp_path: Path) -> None:
    keeper = keep(replace(spec(SLEEPER, tmp_path), command=None), tmp_path)
    assert keeper.entry.state == "external"
    asyncio.run(keeper.ready())
