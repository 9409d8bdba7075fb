"""Serves identity with granian (WSGI) until SIGTERM or SIGINT."""

import gc
import multiprocessing
import multiprocessing.process
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings

from pillion.identity.turn import THREADS

# New objects between two looks for garbage: those of some forty sign-ins, some megabytes.
_GARBAGE: Final = 20_000


def serve(uds: Path | None, bind: tuple[str, int] | None, *, workers: int) -> None:
    """Answer on a Unix socket (readable by this user alone) or on `bind`; returns when told to stop."""
    if uds is not None:
        uds.unlink(missing_ok=True)  # left by one that was killed
    host, port = bind or ("127.0.0.1", 0)
    Granian(
        "pillion.identity.wsgi:application",
        address=host,
        port=port,
        uds=uds,
        uds_permissions=0o600 if uds else None,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        http1_settings=HTTP1Settings(max_buffer_size=64 * 1024 + 8192),
        log_access=False,
        log_dictconfig=_LOGGING,
        workers_kill_timeout=5,
    ).serve(target_loader=_load, wrap_loader=False)


def _load() -> Callable[..., Any]:
    """Give the application to a worker, which ends with the server above it, however that ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    from pillion.identity.wsgi import application  # noqa: PLC0415, I001 - in the worker, not above it
    from pillion.identity import caretaker  # noqa: PLC0415 - needs what the application has set up
    from pillion.identity.mail import sender  # noqa: PLC0415
    from pillion.identity.oauth import back_channel  # noqa: PLC0415

    caretaker.start()
    sender.start()
    back_channel.start()
    # What is there now stays: it is not looked through for garbage again; nor is there a look each 700 objects.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    return application


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    # Of what it is doing nothing was acknowledged yet, and the database takes nothing by halves.
    parent.join()
    os._exit(1)


_LOGGING = {
    "formatters": {"line": {"()": "pillion.identity.log.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "_granian": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "granian.access": {"handlers": [], "propagate": False},
    },
}
