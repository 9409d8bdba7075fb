"""A state folder with a database of identity's, for a control to run on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.running import Control, configure, control, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder that is copied for each test."""
    folder = tmp_path_factory.mktemp("prepared") / "state"
    prepare(folder)
    return folder


@pytest.fixture
def state(prepared: Path, tmp_path: Path) -> Path:
    """Give a state folder of the test's own."""
    folder = tmp_path / "state"
    shutil.copytree(prepared, folder)
    configure(folder)
    return folder


@pytest.fixture
def running(state: Path) -> Iterator[Control]:
    """Give a running control."""
    with control(state) as started:
        yield started
