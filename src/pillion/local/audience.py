"""Who is told how a start goes on: a terminal, a plain stream, or a command that waits for it."""

from typing import Protocol

from pillion.local.record import Record


class Audience(Protocol):
    """Told by the supervisor on its event loop, and so never slow: what must wait is dropped."""

    def changed(self, record: Record) -> None:
        """Take note that some workload's state is another one now."""

    def printed(self, name: str, line: str) -> None:
        """Take a `line` that the process `name` printed; `pillion` is the supervisor itself."""

    def ready(self, line: str) -> None:
        """Take note that everything is ready; `line` says so."""
