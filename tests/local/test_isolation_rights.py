"""Who may not make namespaces is told what forbids it on this system, and what would allow it."""

import os
from pathlib import Path

import pytest

from pillion.local.isolation import rights


@pytest.mark.parametrize(
    ("setting", "forbids", "allows"),
    [("unprivileged_userns_clone", "0", "1"), ("apparmor_restrict_unprivileged_userns", "1", "0")],
)
def test_a_setting_that_forbids_it_is_named_with_the_command_that_changes_it(
    setting: str, forbids: str, allows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rights, "_SYSCTL", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / setting).write_text(f"{forbids}\n", encoding="ascii")
    said = rights.missing("make a user namespace: operation not permitted")
    assert said.startswith(
        "services cannot be isolated: this user may not make a user namespace: operation not"
    )
    assert f"'sysctl -w kernel.{setting}={allows}'" in said
    (tmp_path / "kernel" / setting).write_text(f"{allows}\n", encoding="ascii")
    assert "container" in rights.missing("make a user namespace: operation not permitted")


def test_such_a_setting_does_not_concern_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "_SYSCTL", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "unprivileged_userns_clone").write_text("0\n", encoding="ascii")
    assert "container" in rights.missing("make a user namespace: operation not permitted")
