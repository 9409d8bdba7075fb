"""The record of what a supervisor started and how it is: run/state.json."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pillion.local.folder import write_privately

Kind = Literal["edge", "sidecar", "identity", "control", "service"]

# waiting: not begun; restarting: it died, and is started again after a pause; failed: `up` gives up over it;
# external: the user starts it. `status` turns external into up or down by asking.
State = Literal["waiting", "starting", "ready", "restarting", "failed", "stopping", "stopped", "external"]


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Entry(_Recorded):
    """One workload. Times are seconds since the epoch; `birth` as `births.birth` gives it.

    `isolated`: it runs in its service's own network, where `egress`, or the service's address, is.
    """

    name: str
    kind: Kind
    state: State
    address: str
    egress: str | None = None
    isolated: bool = False
    pid: int | None = None
    birth: str | None = None
    since: float | None = None
    restarts: int = 0
    last_exit: int | None = None
    last_line: str | None = None


class Edit(_Recorded):
    """What became of the last edit of the topology; `at` in seconds since the epoch, `said` in lines."""

    at: float
    taken_up: bool
    said: tuple[str, ...]


class Record(_Recorded):
    """Everything under one supervisor, itself included; `errands` are processes that end by themselves.

    `folder` is filled in by `write`, and tells the folder that the record lies in from its copies.
    """

    pid: int
    birth: str | None
    state: Literal["starting", "ready", "stopping", "stopped"]
    edge: str
    entries: tuple[Entry, ...] = ()
    errands: tuple[Entry, ...] = ()
    edit: Edit | None = None
    folder: str = ""


def read(path: Path) -> Record | None:
    """Read the record at `path`; None when there is none, or none that can be understood.

    A record that was copied together with its folder speaks of the other folder's processes, and counts as none.
    """
    try:
        record = Record.model_validate_json(path.read_bytes())
        return record if record.folder == _mark(path.parent) else None
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def write(path: Path, record: Record) -> None:
    """Replace the record at `path`, in one step."""
    marked = record.model_copy(update={"folder": _mark(path.parent)})
    write_privately(path, marked.model_dump_json(indent=1))


def _mark(folder: Path) -> str:
    """Tell a folder from its copies; it stays the same when the folder is moved."""
    stat = folder.stat()
    return f"{stat.st_dev}:{stat.st_ino}"
