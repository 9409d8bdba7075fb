"""What a start looks like on a terminal, and on a stream that is none."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from pillion.local import tables
from pillion.local.record import Entry, Record

# Lines that wait for a slow terminal; more are dropped, and counted. The log files have them all.
_WAITING: Final = 2000
_FLUSH_SECONDS: Final = 2.0
_UNLIMITED: Final = 10_000

_COLOURS: Final = (
    "cyan",
    "green",
    "magenta",
    "yellow",
    "blue",
    "bright_cyan",
    "bright_green",
    "bright_magenta",
)


class View:
    """Shows a mesh on `stream`: a live table while it starts, then its lines. A thread of its own writes.

    The supervisor only ever puts things in a queue, so a terminal that is slow or stopped stops nothing else.
    """

    def __init__(self, stream: TextIO, *, lines: bool = True) -> None:
        self._console = console(stream, _Unbroken)
        self._lines = lines
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._dropped = 0
        self._is_ready = False
        self._given_up = False
        self._end = ""
        self._states: dict[tuple[str, str, str], str] = {}
        self._names: dict[str, str] = {}
        self._live: Live | None = None
        self._thread = threading.Thread(target=self._write, daemon=True, name="view")
        self._thread.start()

    def changed(self, record: Record) -> None:
        """Show the new state: in the table, or as a line where there is no terminal."""
        for entry in record.entries:
            name = f"{entry.name}.sidecar" if entry.kind == "sidecar" else entry.name
            _colour(name, self._names)
        if self._console.is_terminal:
            self._tell_end(record.state)
            if record.state == "starting":
                self._put(lambda: self._draw(record))
        else:
            for entry in record.entries:
                self._tell(entry)

    def printed(self, name: str, line: str) -> None:
        """Show what a process printed, once the mesh is ready; `pillion` is heard at once."""
        if name == "pillion" or (self._lines and self._is_ready):
            self._put(lambda: self._console.print(self._prefixed(name, line)))

    def ready(self, line: str) -> None:
        """End the table and show `line`."""
        self._is_ready = True
        self._put(lambda: self._say(line))

    def note(self, line: str) -> None:
        """Show a line of Pillion's own."""
        self._put(lambda: self._say(line))

    def close(self) -> bool:
        """Write what still waits; False if the terminal does not take it, and a thread hangs in it."""
        try:
            self._queue.put(None, timeout=_FLUSH_SECONDS)
        except queue.Full:
            self._given_up = True
        self._thread.join(_FLUSH_SECONDS)
        return not self._thread.is_alive()

    def busy(self) -> bool:
        """Say whether something still waits to be written, after `close`."""
        return self._thread.is_alive()

    def _put(self, show: Callable[[], None]) -> None:
        try:
            self._queue.put_nowait(show)
        except queue.Full:
            self._dropped += 1

    def _write(self) -> None:
        while (show := self._queue.get()) is not None and not self._given_up:
            try:
                show()
                if self._dropped and self._queue.empty():
                    dropped, self._dropped = self._dropped, 0
                    self._console.print(Text(f"… {dropped} lines not shown; see 'pillion logs'", style="dim"))
            except (OSError, ValueError):
                # The terminal is gone; what runs goes on running.
                self._live = None
        with suppress(OSError, ValueError):
            self._end_table()

    def _draw(self, record: Record) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live.start()
        self._live.update(tables.workloads(record.entries), refresh=True)

    def _say(self, line: str) -> None:
        self._end_table()
        self._console.print(Text(line, style="bold"))

    def _end_table(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _tell_end(self, state: str) -> None:
        """Say once that it stops, and that it has: on a terminal somebody has just asked for it."""
        if state in {"stopping", "stopped"} and state != self._end:
            self._end = state
            self._put(lambda: self._say(state))

    def _tell(self, entry: Entry) -> None:
        key = (entry.name, entry.kind, entry.address)  # identity moves when it starts anew
        before = self._states.get(key, "waiting")
        if before != entry.state:
            self._states[key] = entry.state
            if not (before == "waiting" and entry.state == "stopped"):
                line = f"{title(entry)}: {entry.state} ({entry.address})"
                self._put(lambda: self._console.print(Text(line)))

    def _prefixed(self, name: str, line: str) -> Text:
        return prefixed(name, line, self._names)


class _Unbroken(Console):
    """Rich would end the program when nobody reads any more; the mesh is wanted all the same."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console(stream: TextIO, kind: type[Console] = Console) -> Console:
    """Write to `stream`, which nobody's width limits when it is not a terminal."""
    width = None if stream.isatty() else _UNLIMITED
    return kind(file=stream, highlight=False, soft_wrap=True, width=width)


def prefixed(name: str, line: str, names: dict[str, str]) -> Text:
    """Lead `line` with its process's name, in a colour that stays that process's; `names` remembers which."""
    colour = _colour(name, names)
    width = max(map(len, names))
    return Text.assemble((f"{name:<{width}} ", colour), ("│ ", "dim"), line)


def _colour(name: str, names: dict[str, str]) -> str:
    return names.setdefault(name, _COLOURS[len(names) % len(_COLOURS)])


def title(entry: Entry) -> str:
    """Name a workload so that a service and its sidecar differ."""
    return entry.name if entry.name == entry.kind else f"{entry.kind} {entry.name}"
