"""The state folder is private, and says clearly when it cannot be had."""

from pathlib import Path

import pytest

from pillion.local import folder
from pillion.local.failure import LocalError
from pillion.local.folder import write_privately


def test_everything_in_the_state_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    state = folder.of(tmp_path / "pillion.yaml")
    state.root.mkdir(mode=0o755)
    folder.make(state)
    for path in (state.root, *state.root.iterdir()):
        assert path.stat().st_mode & 0o777 == 0o700, path


def test_a_file_in_the_place_of_the_state_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / ".pillion").touch()
    with pytest.raises(LocalError, match=r"\.pillion: not a folder: make it a folder that you can write to"):
        folder.make(folder.of(tmp_path / "pillion.yaml"))


def test_a_link_in_the_place_of_the_state_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".pillion").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalError, match="is a link or belongs to another user"):
        folder.make(folder.of(tmp_path / "pillion.yaml"))


def test_a_file_is_replaced_in_one_step_and_only_if_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert write_privately(path, "one")
    first = path.stat()
    assert not write_privately(path, "one")
    assert path.stat().st_ino == first.st_ino
    assert write_privately(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
