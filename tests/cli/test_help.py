"""Tests of what `--help` says of verbs that have verbs of their own."""

import importlib

import click
import pytest
from click.testing import CliRunner

from pillion import cli
from pillion.cli.group import Group

_COMMANDS = {
    verb: importlib.import_module(f"pillion.cli.{verb.replace('-', '_')}").command for verb in cli.VERBS
}


@pytest.mark.parametrize(
    "verb", [verb for verb, command in _COMMANDS.items() if isinstance(command, click.Group)]
)
def test_each_verb_is_said_in_a_whole_sentence(verb: str) -> None:
    """In a window of 80 columns, over as many lines as it takes."""
    command = _COMMANDS[verb]
    listed = CliRunner().invoke(command, ["--help"], terminal_width=80).output.partition("Commands:")[2]
    assert isinstance(command, Group)
    assert "..." not in listed
    said = " ".join(listed.split())
    for name, one in command.commands.items():
        assert f"{name} {one.get_short_help_str(1000)}" in said
