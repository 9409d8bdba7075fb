"""The image's recipe, and the packages that go into it; `make image-test` builds and runs it."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ROOT: Final = Path(__file__).parents[2]
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==(\S+)")


def _lock(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Give version and digests by package."""
    locked: dict[str, tuple[str, frozenset[str]]] = {}
    current = ""
    for line in (_ROOT / name).read_text().splitlines():
        if match := _PINNED.match(line):
            current = canonicalize_name(match[1])
            locked[current] = (match[2], frozenset())
        elif digest := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
            version, digests = locked[current]
            locked[current] = (version, digests | {digest[1]})
    return locked


def _needed(names: list[str]) -> set[str]:
    """Give what these packages come to on this machine, by what is installed."""
    found: set[str] = set()
    todo = [Requirement(name) for name in names]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in found and not one.extras:
            continue
        found.add(name)
        for text in requires(one.name) or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in one.extras or {""}):
                todo.append(needed)
    return found


def test_the_image_has_the_versions_that_are_tested() -> None:
    tested = _lock("requirements.lock")
    for name in ("requirements-image.lock", "requirements-build.lock"):
        locked = _lock(name)
        assert locked
        assert {package: tested.get(package) for package in locked} == locked
        assert all(digests for _, digests in locked.values())


def test_the_image_has_what_pillion_needs_and_no_tool_of_developers() -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())
    needed = _needed(project["project"]["dependencies"])
    locked = _lock("requirements-image.lock").keys()
    assert needed <= locked
    # What is there for other systems alone: the lock is for all of them.
    assert locked - needed <= {"colorama", "tzdata", "typing-extensions"}


def test_the_image_ends_as_a_user_without_rights_on_the_base_that_was_named() -> None:
    lines = (_ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    bases = [rest.split(" AS ")[0] for word, rest in steps if word == "FROM"]
    assert bases == ["${BASE}", "${BASE}"]
    assert [rest for word, rest in steps if word == "USER"] == ["10101:10101"]
    installs = [
        one for word, rest in steps if word == "RUN" for one in rest.split("&&") if "pip install" in one
    ]
    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_nothing_but_the_sources_is_given_to_the_builder() -> None:
    lines = (_ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    given = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (_ROOT / "Containerfile").read_text(), re.MULTILINE)
    assert given == {name for line in copied for name in line.split()}
