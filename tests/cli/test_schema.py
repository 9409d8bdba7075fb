"""`pillion schema`, as a user sees it."""

import json

import pytest
from tests.cli.in_process import pillion

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


def test_the_schema_is_json_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pillion(monkeypatch, "schema") == 0
    output = capsys.readouterr()
    assert json.loads(output.out) == json_schema()
    assert output.err == ""


def test_the_help_of_schema(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert pillion(monkeypatch, "schema", "--help") == 0
    assert capsys.readouterr().out == HELP
