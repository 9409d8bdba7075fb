"""`python -m pillion.control --uds PATH` streams keys and revocations to the Envoys until SIGTERM."""

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
from pathlib import Path

from pillion.control import config as configuration
from pillion.control.config import ConfigError
from pillion.control.credentials import CredentialsError


def main() -> int:
    """Run until told to stop; returns the exit code: 0 done, 1 it failed, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m pillion.control", description=__doc__)
    parser.add_argument("--uds", type=Path, required=True, metavar="PATH", help="listen on a Unix socket")
    arguments = parser.parse_args()
    os.umask(0o077)
    _allow_many_streams()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(_serve(configuration.named(), arguments.uds))
    except ConfigError as error:
        return _fail(error, 2)
    except (CredentialsError, OSError) as error:
        return _fail(error, 1)
    return 0


async def _serve(file: Path, socket: Path) -> None:
    from pillion.control.serve import serve  # noqa: PLC0415 - a second of imports: errors come before

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(file, socket, stop)


def _allow_many_streams() -> None:
    """Every Envoy is an open file; the usual limit of 1,024 is one that may be raised."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _fail(error: Exception, code: int) -> int:
    print(f"control: {error}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
