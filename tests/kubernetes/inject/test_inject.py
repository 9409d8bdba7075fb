"""`pillion inject`: manifests in, manifests and what is said of them out, as the repository holds both.

cases/NAME.yaml is the input, NAME.out.yaml what is printed, NAME.txt what is said on standard error. After a
wanted change, REMAKE_GOLDENS=1 writes them anew; read the difference. The sidecar is written out in pod.out.yaml
alone.
"""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.cli.in_process import pillion
from tests.kubernetes import rendered, schemas

CASES: Final = Path(__file__).parent / "cases"
NAMES: Final = sorted(path.stem for path in CASES.glob("*.yaml") if not path.stem.endswith(".out"))
# What cannot be injected as it stands.
REFUSED: Final = {"another-shape", "refused", "whose"}
INJECTED: Final = sorted({*NAMES} - REFUSED)
POD: Final = (CASES / "pod.yaml").read_text(encoding="utf-8")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> "Run":
    """Give what runs `pillion inject` among the cases."""
    monkeypatch.chdir(CASES)
    return Run(monkeypatch, capfdbinary)


class Run:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[bytes]) -> None:
        self._monkeypatch, self._captured = monkeypatch, captured

    def __call__(self, *arguments: str, given: bytes = b"") -> tuple[int, str, str]:
        """Give exit code, output, and what was said."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = pillion(self._monkeypatch, "inject", "--topology", str(rendered.SHOP), *arguments)
        sys.stdout.flush()
        out, said = self._captured.readouterr()
        return code, out.decode(), said.decode()

    def case(self, name: str) -> tuple[int, str, str]:
        """Give the same for a case, which is run once."""
        if name not in _DONE:
            _DONE[name] = self("-f", f"{name}.yaml")
        return _DONE[name]


_DONE: Final[dict[str, tuple[int, str, str]]] = {}


def shown(name: str, text: str) -> str:
    """Leave out what pod.out.yaml shows already: the rest of the sidecar, and of its volumes."""
    if name in {"pod", "json"}:
        return text
    mark = r"\1# (as in pod.out.yaml)\n"
    text = re.sub(r"(?m)^(( *)- name: pillion-[a-z-]+\n)(?:\2  .*\n)+", mark, text)
    return re.sub(r"\{name: pillion-[a-z-]+, .*?\}(?=, \{name|\]\}?$)", "{as in pod.out.yaml}", text)


@pytest.mark.parametrize("name", NAMES)
def test_manifests_come_out_as_the_repository_holds_them(name: str, run: Run) -> None:
    """With every comment, and what is said of each object and its warnings."""
    code, out, said = run.case(name)
    found = {f"{name}.txt": f"{said}exit {code}\n"} | ({f"{name}.out.yaml": shown(name, out)} if out else {})
    if os.environ.get("REMAKE_GOLDENS"):
        for file, text in found.items():
            (CASES / file).write_text(text, encoding="utf-8")
    golden = [path for path in (CASES / f"{name}.txt", CASES / f"{name}.out.yaml") if path.exists()]
    assert found == {path.name: path.read_text(encoding="utf-8") for path in golden}
    assert bool(out) == (name not in REFUSED)


@pytest.mark.parametrize("name", INJECTED)
def test_twice_gives_the_same_as_once(name: str, run: Run) -> None:
    """To the byte."""
    _, once, _ = run.case(name)
    code, twice, said = run(given=once.encode())
    assert (code, twice) == (0, once)
    assert ": injected" not in said


def test_check_says_by_its_exit_whether_a_sidecar_is_missing_or_another_one(run: Run) -> None:
    """And prints no manifest."""
    for name in ("pod", "older-sidecar", "several-documents"):
        assert run("-f", f"{name}.yaml", "--check")[:2] == (1, "")
    assert run("-f", "pod.out.yaml", "--check") == (0, "", "pod.out.yaml:1:1: pod/web: already injected\n")
    assert run("-f", "refused.yaml", "--check")[0] == 2
    assert "pod/web: lacks the sidecar" in run("-f", "pod.yaml", "--check")[2]


@pytest.mark.parametrize("name", sorted({*INJECTED} - {"aliases", "json", "older-sidecar"}))
def test_all_that_somebody_wrote_stays(name: str, run: Run) -> None:
    """Every line but those whose own value had to change; their order, their comments."""
    _, out, _ = run.case(name)
    before = (CASES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    after = out.splitlines()
    assert not [line for line in before if "#" in line and line not in after]
    rest = iter(after)
    assert all(line in rest for line in before if line in after)


def test_what_comes_out_is_right_by_the_schemas_of_kubernetes(run: Run) -> None:
    """Of three versions, strictly."""
    documents = [
        document
        for name in INJECTED
        for document in rendered.documents(run.case(name)[1])
        if document and document["kind"] not in {"Rollout", "List"}
    ]
    assert len(documents) > 10
    for document in documents:
        for version in schemas.VERSIONS:
            schemas.validate(document, version)


def test_line_breaks_and_a_byte_order_mark_stay_as_they_were(run: Run) -> None:
    """An editor on Windows wrote it."""
    _, out, _ = run(given=POD.encode())
    windows = POD.replace("\n", "\r\n")
    assert run(given=windows.encode())[1] == out.replace("\n", "\r\n")
    assert run(given=b"\xef\xbb\xbf" + POD.encode())[1] == "\ufeff" + out
    assert run(given=POD.rstrip("\n").encode())[1].rstrip("\n") == out.rstrip("\n")


LAUGHS: Final = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (POD.replace("  ", "\t"), "<stdin>:4:1: found character '\\t' that cannot start any token"),
        (POD + "kind: Pod\n", '<stdin>:12:1: found duplicate key "kind"'),
        (LAUGHS + POD, "<stdin>:1:1: more than 500000 values, aliases counted"),
        ("a: &a [*a]\n" + POD, "<stdin>:1:1: more than 500000 values, aliases counted"),
        ("[" * 1000 + "]" * 1000, "<stdin>:1:1: this is not YAML"),
        ("!!python/object/apply:os.system ['id']\n", "<stdin>:1:1: could not determine a constructor"),
        (POD + "\0", "<stdin>:12:1: a character that YAML does not take"),
        (
            POD.replace("\n", "\r"),
            "<stdin>:1:1: a line ends in CR alone: save the file with LF, or CR and LF",
        ),
        (POD + "---\n" + POD + " x", "<stdin>:24:"),
        (POD + "1: 2\n", "<stdin>:1:1: [1]: keys are texts"),
    ],
    ids=["tabs", "twice", "laughs", "itself", "deep", "tag", "nul", "cr", "second", "number"],
)
def test_what_no_tool_of_kubernetes_takes_is_refused_with_its_place(given: str, said: str, run: Run) -> None:
    """In little time, and without a word of output."""
    code, out, found = run(given=given.encode())
    assert (code, out) == (2, "")
    assert found.startswith(said)


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_said(run: Run) -> None:
    """With the line of the byte."""
    code, out, said = run(given=b"a: b\nc: \xff\n")
    assert (code, out) == (2, "")
    assert said == "<stdin>:2:1: the byte 0xff is not UTF-8: save the file as UTF-8\n"
    code, out, said = run("-f", "nowhere.yaml")
    assert (code, out, said) == (1, "", "Error: nowhere.yaml: no such file or directory\n")


@pytest.mark.parametrize(
    "given", ["", "\n\n", "# only a comment\n", "--- \n---\n", "text\n", "- a\n- b\n", "<p>\n"]
)
def test_what_holds_no_pods_comes_out_as_it_went_in(given: str, run: Run) -> None:
    """Whatever it is."""
    assert run(given=given.encode())[:2] == (0, given)


def test_several_files_become_one_in_a_pipe() -> None:
    """The real command, as it stands in a pipeline; the second file gets what begins a document."""
    command = [str(Path(sys.executable).with_name("pillion")), "inject", "--topology", str(rendered.SHOP)]
    done = subprocess.run(
        [*command, "-f", "pod.yaml", "-f", "-"],
        input=(CASES / "job.yaml").read_bytes(),
        cwd=CASES,
        capture_output=True,
        check=True,
    )
    documents = rendered.documents(done.stdout.decode())
    assert [document["kind"] for document in documents] == ["Pod", "Job"]
    assert done.stderr.decode().splitlines() == [
        "pod.yaml:1:1: pod/web: injected",
        "<stdin>:1:1: job/count-stock: injected",
    ]


def test_the_deployments_that_are_rendered_have_their_sidecar_already(run: Run) -> None:
    """`render kubernetes` and `inject` agree."""
    files = [path.read_text(encoding="utf-8") for path in rendered.GOLDEN.glob("base/services/*.yaml")]
    texts = [text for file in files for text in file.split("---\n") if "kind: Deployment\n" in text]
    together = "---\n".join(texts)
    code, out, said = run(given=together.encode())
    assert (code, out) == (0, together)
    assert said.count("already injected") == len(texts) == 3
