"""Lays the Envoys' files down in the state folder; what would come out the same is not compiled again."""

import asyncio
import hashlib
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Final

from pydantic import BaseModel, ValidationError

import pillion
from pillion.envoy.names import KNOWN_FOLDER
from pillion.local.folder import write_privately
from pillion.plan import Plan

# What decides, besides the plan, what the files say.
_COMPILER: Final = ("envoy", "plan", "vocabulary.py")
_MEMORY: Final = "compiled.json"
_SUFFIX: Final = ".yaml"


class _Compiled(BaseModel):
    """What the files in the folder were made from, and the digest of each."""

    plan: str
    files: dict[str, str]


class EnvoyFiles:
    """The files of one plan below `folder`. Compiling takes seconds, and most starts change nothing."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._compiling: asyncio.Future[dict[str, str]] | None = None

    def begin(self) -> None:
        """Begin to compile, if it is clear by now that it will be needed: identity is still being prepared."""
        if not self._is_there():
            self._compiling = self._compile()

    async def write(self) -> None:
        """Have the files hold the plan; beside them nothing stays in the folder but what control writes."""
        if self._compiling is None and self._is_there():
            return
        files = await (self._compiling or self._compile())
        for path, text in files.items():
            where = self._folder / path
            where.parent.mkdir(mode=0o700, exist_ok=True)
            write_privately(where, text)
        self._remember(files.keys())

    async def compiled(self, plan: Plan) -> dict[str, str]:
        """Compile another plan, as far as it gives other files; none is written."""
        return await asyncio.to_thread(_others, self._plan, plan)

    def remember(self, plan: Plan) -> None:
        """Take note that the files hold this plan now."""
        self._plan = plan
        kept = {plan.edge.workload.name, *(sidecar.workload.name for sidecar in plan.sidecars)}
        found = (path.relative_to(self._folder) for path in self._folder.glob(f"*/*{_SUFFIX}"))
        self._remember(str(path) for path in found if path.parts[0] in kept)

    def _remember(self, paths: Iterable[str]) -> None:
        made = _Compiled(
            plan=self._digest(), files={path: _digest((self._folder / path).read_bytes()) for path in paths}
        )
        write_privately(self._folder / _MEMORY, made.model_dump_json(indent=1))
        _take_away_others(self._folder, made.files)

    def _digest(self) -> str:
        return _digest(f"{_code()} {self._plan!r}")

    def _compile(self) -> "asyncio.Future[dict[str, str]]":
        return asyncio.ensure_future(asyncio.to_thread(_structure, self._plan))

    def _is_there(self) -> bool:
        last = _read(self._folder / _MEMORY)
        try:
            return (
                last is not None
                and last.plan == self._digest()
                and all(
                    _digest((self._folder / path).read_bytes()) == was for path, was in last.files.items()
                )
            )
        except OSError:
            return False


def _take_away_others(folder: Path, files: Iterable[str]) -> None:
    """Take away the folders of workloads that are not among `files`, such as `orders/listeners.yaml`."""
    kept = {KNOWN_FOLDER, *(path.partition("/")[0] for path in files)}
    for old in folder.iterdir():
        if old.name not in kept and old.is_dir():
            rmtree(old)


def _structure(plan: Plan) -> dict[str, str]:
    from pillion.envoy.files import render_structure  # noqa: PLC0415 - takes a second; most starts do without

    return render_structure(plan)


def _others(before: Plan, after: Plan) -> dict[str, str]:
    from pillion.envoy.files import affected, render_workloads  # noqa: PLC0415 - as above

    return render_workloads(after, affected(before, after))


def _code() -> str:
    """Name the compiler's version by its sources' sizes and times: a checkout changes under one number."""
    root = Path(pillion.__file__).parent
    found = sorted(path for name in _COMPILER for path in (root / name, *(root / name).rglob("*")))
    sources = [(path, path.stat()) for path in found if path.suffix in {".py", ".lua"}]
    marks = [f"{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}" for path, stat in sources]
    return "\n".join((version("pillion"), version("envoy-data-plane"), *marks))


def _digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def _read(path: Path) -> _Compiled | None:
    try:
        return _Compiled.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
