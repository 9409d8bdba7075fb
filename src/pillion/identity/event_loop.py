"""One event loop in a thread of its own, in which this process asks others over HTTP."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_starting: Final = threading.Lock()
_loops: Final[list[asyncio.AbstractEventLoop]] = []


def run(question: Coroutine[Any, Any, T]) -> T:
    """Wait in this thread for what a coroutine gives in the loop's, or raises there."""
    return asyncio.run_coroutine_threadsafe(question, _loop()).result()


def _loop() -> asyncio.AbstractEventLoop:
    """Give the event loop, which ends with the process."""
    with _starting:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="outgoing", daemon=True).start()
            _loops.append(loop)
        return _loops[0]
