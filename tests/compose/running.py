"""How tests render a project, run it, and give it orders."""

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pillion.compose.files import render
from pillion.topology import load

HERE = Path(__file__).parent
SHOP = HERE / "shop.yaml"
OVERRIDE = """\
services:
  orders: {command: [python, echo.py]}
  inventory: {command: [python, echo.py]}
"""


@dataclass(frozen=True)
class Project:
    """A project that runs; `edge` is where its one port is."""

    folder: Path
    edge: str
    orders: IO[str]
    answers: IO[str]

    def order(self, what: str, **more: Any) -> Any:
        """Give an order, and wait for what comes of it."""
        self.orders.write(f"{json.dumps({'do': what, **more})}\n")
        self.orders.flush()
        return json.loads(self.answers.readline())

    def execute(self, container: str, *words: str) -> tuple[int, str]:
        """Run a command in a container; gives its exit code and what it said."""
        code, said = self.order("execute", container=container, words=words)
        return code, said


def write(folder: Path) -> None:
    """Render the project into `folder`, with what its user adds."""
    for name, text in render(load(SHOP, {})).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "compose.override.yaml").write_text(OVERRIDE, encoding="utf-8")
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    (folder / ".env").write_text(
        f"PILLION_MASTER_KEY={key}\nPILLION_DATABASE_PASSWORD={secrets.token_hex(32)}\n"
        "INVENTORY_IMAGE=registry.example/python:3\n",
        encoding="utf-8",
    )


@contextmanager
def running() -> Iterator[Project]:
    """Run it until the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="pillion-compose-") as made,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        folder = Path(made)
        folder.chmod(0o755)
        project = folder / "project"
        project.mkdir()
        write(project)
        for path in (project, *project.rglob("*")):  # as the command leaves them, whatever the umask is
            path.chmod(0o755 if path.is_dir() else 0o644)
        command = [sys.executable, "-m", "tests.compose.engine", str(project), str(folder / "run")]
        with (
            (folder / "engine.log").open("w") as log,
            subprocess.Popen(
                ["unshare", "-n", *command, str(listener.fileno())],
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=HERE.parents[1],
                env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
                text=True,
            ) as engine,
        ):
            assert engine.stdin is not None
            assert engine.stdout is not None
            assert engine.stdout.readline() == "ready\n", (folder / "engine.log").read_text()
            try:
                edge = f"http://127.0.0.1:{listener.getsockname()[1]}"
                yield Project(project, edge, engine.stdin, engine.stdout)
            finally:
                engine.stdin.close()
                engine.wait(timeout=60)
