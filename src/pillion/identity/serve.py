"""Serves identity with granian (WSGI) until SIGTERM or SIGINT."""

from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings

# argon2 and RSA release the interpreter's lock, so that some sign-ins at once do not hold up the renewals.
_THREADS = 4


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
        blocking_threads=_THREADS,
        http1_settings=HTTP1Settings(max_buffer_size=64 * 1024 + 8192),
        log_access=False,
        log_dictconfig=_LOGGING,
        workers_kill_timeout=5,
    ).serve()


_LOGGING = {
    "formatters": {"line": {"()": "pillion.identity.log.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "_granian": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "granian.access": {"handlers": [], "propagate": False},
    },
}
