"""`pillion render envoy`, as a user sees it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.goldens.compiled import HERE, JWKS, written

from pillion.cli.render import command
from pillion.local.folder import StateFolder

SHOP = HERE / "cases" / "shop"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Put the golden shop's topology into a folder of its own."""
    copy = tmp_path / "pillion.yaml"
    copy.write_bytes((SHOP / "pillion.yaml").read_bytes())
    return copy


def render(file: Path, output: Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(command, ["envoy", "-f", str(file), "-o", str(output)])


def keys(folder: Path, text: str) -> None:
    """Write what `pillion up` remembers of the keys."""
    known = StateFolder(folder / ".pillion").jwks
    known.parent.mkdir(parents=True)
    known.write_text(text, encoding="utf-8")


def test_it_writes_the_folder_that_the_compiler_gives(file: Path, tmp_path: Path) -> None:
    """With the keys of the last `pillion up`; twice the same."""
    keys(tmp_path, json.dumps(JWKS))
    output = tmp_path / "out"
    for _ in range(2):
        result = render(file, output)
        assert (result.exit_code, result.stderr) == (0, "")
        assert f"Envoys to {output}" in result.stdout
        rendered = {
            str(path.relative_to(output)): path.read_text(encoding="utf-8")
            for path in output.rglob("*")
            if path.is_file()
        }
        assert rendered == written(SHOP)


def test_without_keys_it_says_that_nobody_is_served(file: Path, tmp_path: Path) -> None:
    """And writes all files none the less."""
    result = render(file, tmp_path / "out")
    assert result.exit_code == 0
    assert result.stderr == "no keys yet: these Envoys serve nobody; 'pillion up' makes some\n"
    assert (tmp_path / "out" / "edge" / "bootstrap.yaml").is_file()


def test_folders_of_services_that_are_gone_go(file: Path, tmp_path: Path) -> None:
    """What is rendered is the whole."""
    output = tmp_path / "out"
    (output / "old").mkdir(parents=True)
    (output / "old" / "bootstrap.yaml").touch()
    assert render(file, output).exit_code == 0
    assert not (output / "old").exists()


def test_a_folder_with_something_else_in_it_is_left_alone(file: Path, tmp_path: Path) -> None:
    """Nothing is deleted that Pillion did not write."""
    output = tmp_path / "out"
    output.mkdir()
    (output / "thesis.txt").write_text("years of work", encoding="utf-8")
    result = render(file, output)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {output} holds something else (thesis.txt): name an empty folder\n"
    assert [entry.name for entry in output.iterdir()] == ["thesis.txt"]


def test_where_nothing_can_be_written_is_one_sentence(file: Path, tmp_path: Path) -> None:
    """No trace of the program."""
    (tmp_path / "file").touch()
    result = render(file, tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == f"Error: {tmp_path / 'file' / 'out'}: not a directory"


def test_keys_that_are_none_are_one_sentence(file: Path, tmp_path: Path) -> None:
    """And nothing is rendered that would refuse everybody unnoticed."""
    keys(tmp_path, "{")
    result = render(file, tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.endswith("jwks.json holds no keys: remove it, and 'pillion up' writes it anew\n")
    assert not (tmp_path / "out").exists()
