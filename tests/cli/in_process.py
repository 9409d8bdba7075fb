"""`pillion` in this process, for commands that start no other."""

import sys

import pytest

from pillion.cli import main


def pillion(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line, on a terminal of 80 columns; gives the exit code."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["pillion", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert isinstance(stop.value.code, int)
    return stop.value.code
