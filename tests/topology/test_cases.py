"""Every kind of mistake, as a file with it and the lines that a user then reads.

cases/CODE.yaml or cases/CODE.VARIANT.yaml is the input, the .txt beside it the expected lines. After a wanted
change, REMAKE_GOLDENS=1 writes the .txt files anew; read the difference.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import pillion
from pillion.problem import InvalidInputError
from pillion.topology import load
from pillion.topology.files import LARGEST
from pillion.topology.finding import CODES

HERE: Final = Path(__file__).parent
CASES: Final = HERE / "cases"
PROBLEMS_PAGE: Final = HERE.parents[1] / "docs" / "problems.md"
# What the cases find in the environment; each value would be seen if a message held it.
ENVIRON: Final = {
    "BELL": "private\a-bell",
    "INVENTRY": "inventry",
    "EMPTY": "",
}
NAMES: Final = sorted({path.stem for path in (*CASES.glob("*.yaml"), *CASES.glob("*.txt"))})
# The last ones are none on a laptop: test_pods.py.
MADE_BY_A_TEST: Final = {"file-too-large", "port-in-pods", "secret-in-pods", "socket-in-pods"}


def _lines(path: Path) -> tuple[list[str], set[str]]:
    with pytest.raises(InvalidInputError) as caught:
        load(path, ENVIRON)
    return [str(problem) for problem in caught.value.problems], {p.code for p in caught.value.problems}


@pytest.mark.parametrize("name", NAMES)
def test_each_mistake_is_said_in_these_lines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    lines, codes = _lines(Path(f"{name}.yaml"))
    expected = CASES / f"{name}.txt"
    if os.environ.get("REMAKE_GOLDENS"):
        expected.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert lines == expected.read_text(encoding="utf-8").splitlines()
    assert name.partition(".")[0] in codes


@pytest.mark.parametrize("name", NAMES)
def test_each_place_is_inside_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)
    lines, _ = _lines(Path(f"{name}.yaml"))
    for line in lines:
        assert re.match(rf"{re.escape(name)}\.yaml:[1-9][0-9]*:[1-9][0-9]*: \S", line)
        assert line.isprintable()


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pillion.yaml"
    path.write_bytes(b"#" * (LARGEST + 1))
    lines, codes = _lines(path)
    assert lines == [f"{path}:1:1: the file is larger than 1024 KiB"]
    assert codes == {"file-too-large"}


def test_every_code_has_a_case() -> None:
    assert {name.partition(".")[0] for name in NAMES} | MADE_BY_A_TEST == set(CODES)


def test_the_page_of_problems_explains_every_code_and_no_other() -> None:
    headings = re.findall(r"^### (\S+)$", PROBLEMS_PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted({*CODES, *_codes_of_source()})


def _codes_of_source() -> Iterator[str]:
    """Give the codes of all problems that are made anywhere, which are written where that is done."""
    for file in Path(pillion.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name(id="Problem" | "Finding"), args=[_, ast.Constant(value=str(code)), *_]
                ):
                    if code != "warning":  # which is no mistake
                        yield code
                case ast.Call(func=ast.Attribute(attr="_problem"), args=[ast.Constant(value=str(code)), *_]):
                    yield code
