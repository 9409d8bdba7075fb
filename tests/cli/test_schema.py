"""`pillion schema`, as a user sees it."""

import json
import sys

import pytest

from pillion.cli import main
from pillion.topology import json_schema

HELP = """\
Usage: pillion schema [OPTIONS]

  Print the JSON Schema of the topology file, for editors.

  Example:
      pillion schema > pillion.schema.json
      # then, as the first line of pillion.yaml:
      # yaml-language-server: $schema=pillion.schema.json

Options:
  -h, --help  Show this message and exit.
"""


def _pillion(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["pillion", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_the_schema_is_json_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _pillion(monkeypatch, "schema") == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == json_schema()
    assert output.err == ""


def test_the_help_of_schema(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _pillion(monkeypatch, "schema", "--help") == 0
    assert capsys.readouterr().out == HELP
