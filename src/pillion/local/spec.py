"""What a workload is before it runs: the process that it needs, and how to know that it is ready."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pillion.local.probes import Probe
from pillion.local.process import Command
from pillion.local.record import Kind
from pillion.plan import UnixSocket

READY_WITHIN_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Spec:
    """One workload. Without a `command` the user starts it (`external`).

    `deaths` is how often it may die at the first start before `up` gives up. `sockets` are removed before
    each start. `refuses` says that the process runs but won't take its configuration. `drain` is called before
    the process is asked to end. `admin` is where an Envoy answers questions about itself.
    """

    name: str
    kind: Kind
    address: str
    probe: Probe
    command: Command | None
    egress: str | None = None
    deaths: int = 1
    ready_within: float = READY_WITHIN_SECONDS
    sockets: tuple[Path, ...] = ()
    refuses: Probe | None = None
    drain: Callable[[], Awaitable[None]] | None = None
    admin: UnixSocket | None = None

    @property
    def log(self) -> str:
        """The name that leads its lines in the logs: a service and its sidecar have two."""
        return f"{self.name}.sidecar" if self.kind == "sidecar" else self.name

    @property
    def title(self) -> str:
        """The name in a sentence."""
        return self.name if self.kind in {"edge", "identity", "control"} else f"{self.kind} {self.name}"
