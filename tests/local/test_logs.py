"""Logs are read back in the order of time, by name, and followed."""

from pathlib import Path

import pytest

from pillion.local import logs
from pillion.local.failure import LocalError
from pillion.local.folder import StateFolder
from pillion.local.logs import Follower
from pillion.local.output import LogFile, older
from tests.local.topologies import state_folder


def written(tmp_path: Path) -> StateFolder:
    state = state_folder(tmp_path)
    for name, lines in {
        "orders": ["01.000Z one", "03.000Z three"],
        "orders.sidecar": ["02.000Z two"],
        "edge": ["04.000Z four"],
    }.items():
        text = "".join(f"2026-01-01T00:00:{line}\n" for line in lines)
        (state.logs / f"{name}.log").write_text(text, encoding="utf-8")
    (state.logs / "up.log").write_text("not a process\n", encoding="utf-8")
    return state


def test_several_logs_are_interleaved_by_time(tmp_path: Path) -> None:
    written(tmp_path)
    lines = list(logs.past(logs.choose(tmp_path / "pillion.yaml", None), None))
    assert [(line.name, line.text) for line in lines] == [
        ("orders", "one"),
        ("orders.sidecar", "two"),
        ("orders", "three"),
        ("edge", "four"),
    ]


def test_a_services_name_stands_for_its_sidecar_too(tmp_path: Path) -> None:
    written(tmp_path)
    file = tmp_path / "pillion.yaml"
    assert [path.name for path in logs.choose(file, "orders")] == ["orders.log", "orders.sidecar.log"]
    assert [path.name for path in logs.choose(file, "orders.sidecar")] == ["orders.sidecar.log"]


def test_an_unknown_name_is_answered_with_a_near_one(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(LocalError, match=r"nothing named 'ordrs' has logs \(did you mean 'orders'\?\)"):
        logs.choose(tmp_path / "pillion.yaml", "ordrs")


def test_without_logs_it_is_said_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="start the mesh with 'pillion up'"):
        logs.choose(tmp_path / "pillion.yaml", None)


def test_only_the_last_lines_of_each_are_shown_when_asked_for(tmp_path: Path) -> None:
    state = written(tmp_path)
    path = state.logs / "orders.log"
    older(path).write_text("2026-01-01T00:00:00.000Z zero\n", encoding="utf-8")
    assert [line.text for line in logs.past([path], None)] == ["zero", "one", "three"]
    assert [line.text for line in logs.past([path], 1)] == ["three"]


def test_following_gives_what_is_added_through_a_change_of_files(tmp_path: Path) -> None:
    state = written(tmp_path)
    path = state.logs / "orders.log"
    follower = Follower([path, state.logs / "later.log"])
    assert follower.added() == []
    log = LogFile(path)
    log.write("four")
    assert [line.text for line in follower.added()] == ["four"]
    log.write("five")
    log.close()
    path.replace(older(path))
    for name, text in (("orders", "six"), ("later", "seven")):
        log = LogFile(state.logs / f"{name}.log")
        log.write(text)
        log.close()
    assert [line.text for line in follower.added()] == ["five", "six", "seven"]
    follower.close()
