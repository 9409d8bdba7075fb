"""A mesh of one small service, for the tests of `pillion up`, `down`, `status` and `logs`."""

from collections.abc import Iterable
from pathlib import Path

import psutil
from tests.mesh import free_ports

ECHO = (Path(__file__).parent / "echo.py").read_text(encoding="utf-8")


def topology(run: str = "python echo.py", extra: str = "") -> str:
    """Write a topology with the service `echo`, open to anyone, at free ports."""
    edge, app = free_ports(2)
    return (
        f"mesh: test\n"
        f"edge: {{listen: 127.0.0.1:{edge}}}\n"
        f"services:\n"
        f"  echo:\n"
        f"    app: 127.0.0.1:{app}\n"
        f"    run: {run}\n"
        f"    paths: [/]\n"
        f"    rules: [{{path: /, allow: anyone}}]\n"
        f"{extra}"
    )


def write(folder: Path, text: str) -> Path:
    """Write the topology and its service to `folder`; gives the topology's path."""
    (folder / "echo.py").write_text(ECHO, encoding="utf-8")
    file = folder / "pillion.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def running_in(folder: Path) -> list[psutil.Process]:
    """Find the processes that work in `folder` or below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(
                folder.resolve()
            ):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def names(processes: Iterable[psutil.Process]) -> list[str]:
    """Name processes in a failure's message."""
    return [f"{process.pid} {process.name()}" for process in processes]
