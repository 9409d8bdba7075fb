"""The record of what a supervisor started and how it is: run/state.json."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pillion.local.folder import write_privately

Kind = Literal["edge", "sidecar", "identity", "control", "service"]

# waiting: not begun; restarting: it died, and is started again after a pause; failed: `up` gives up over it;
# external: the user starts it. `status` turns external into up or down by asking.
State = Literal["waiting", "starting", "ready", "restarting", "failed", "stopping", "stopped", "external"]


class _Recorded(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Entry(_Recorded):
    """One workload. Times are seconds since the epoch; `birth` as `births.birth` gives it."""

    name: str
    kind: Kind
    state: State
    address: str
    egress: str | None = None
    pid: int | None = None
    birth: str | None = None
    since: float | None = None
    restarts: int = 0
    last_exit: int | None = None
    last_line: str | None = None
    keys: tuple[str, ...] | None = None


class Record(_Recorded):
    """Everything under one supervisor, itself included; `errands` are processes that end by themselves."""

    pid: int
    birth: str | None
    state: Literal["starting", "ready", "stopping", "stopped"]
    edge: str
    entries: tuple[Entry, ...] = ()
    errands: tuple[Entry, ...] = ()


def read(path: Path) -> Record | None:
    """Read the record at `path`; None when there is none, or none that can be understood."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def write(path: Path, record: Record) -> None:
    """Replace the record at `path`, in one step."""
    write_privately(path, record.model_dump_json(indent=1))


def plain(entry: Entry) -> dict[str, Any]:
    """Give the entry as JSON can say it."""
    return entry.model_dump(mode="json")
