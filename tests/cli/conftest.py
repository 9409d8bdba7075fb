"""What several tests of the command line start from."""

from pathlib import Path

import pytest


@pytest.fixture
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in a folder that nothing else is in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
