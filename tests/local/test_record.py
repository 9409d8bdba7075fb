"""The record of what runs is believed only where it was written."""

import os
import shutil
from pathlib import Path

from pillion.local import births, record
from pillion.local.record import Entry, Record


def example() -> Record:
    pid = os.getpid()
    entry = Entry(name="orders", kind="service", state="ready", address="", pid=pid, birth=births.birth(pid))
    return Record(pid=pid, birth=births.birth(pid), state="ready", edge="", entries=(entry,))


def test_a_record_is_read_back_after_its_folder_was_moved(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    record.write(tmp_path / "run" / "state.json", example())
    (tmp_path / "run").rename(tmp_path / "moved")
    read = record.read(tmp_path / "moved" / "state.json")
    assert read is not None
    assert read.entries == example().entries


def test_a_record_that_was_copied_with_its_folder_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    record.write(tmp_path / "run" / "state.json", example())
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert record.read(tmp_path / "copy" / "state.json") is None


def test_a_record_that_cannot_be_understood_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert record.read(path) is None
    path.write_text("{", encoding="utf-8")
    assert record.read(path) is None
