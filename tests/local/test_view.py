"""A terminal that does not read stops nobody."""

import io
import os
import pty
import select
import time
from contextlib import suppress

from pillion.local.record import Entry, Record
from pillion.local.view import View


def record(state: str) -> Record:
    entry = Entry.model_validate(
        {"name": "orders", "kind": "service", "state": state, "address": "127.0.0.1:7001"}
    )
    return Record(pid=1, birth=None, state="starting", edge="http://localhost:8080", entries=(entry,))


def test_a_stream_gets_a_line_for_each_change_then_the_output() -> None:
    stream = io.StringIO()
    view = View(stream)
    view.printed("orders", "not shown while it starts")
    view.changed(record("starting"))
    view.changed(record("starting"))
    view.changed(record("ready"))
    view.ready("ready in 1.0 s")
    view.printed("orders", "[bold]hello[/bold]")
    assert view.close()
    assert stream.getvalue().splitlines() == [
        "service orders: starting (127.0.0.1:7001)",
        "service orders: ready (127.0.0.1:7001)",
        "ready in 1.0 s",
        "orders │ [bold]hello[/bold]",
    ]


def test_a_terminal_that_does_not_read_holds_nothing_up() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        view = View(stream)
        view.ready("ready")
        began = time.monotonic()
        for number in range(20_000):
            view.printed("orders", f"line {number} {'x' * 100}")
        assert time.monotonic() - began < 5
        assert not view.close()
        while view.busy():  # let the thread end: read what it writes
            if select.select([ours], [], [], 0.1)[0]:
                os.read(ours, 65536)
    os.close(ours)


def test_a_terminal_that_is_gone_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    view = View(stream)
    view.ready("ready")
    view.printed("orders", "hello")
    assert view.close()
    with suppress(BrokenPipeError):
        stream.close()
