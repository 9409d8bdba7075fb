"""`python -m pillion.identity prepare` makes the database and the key ready; `serve` answers requests."""

import argparse
import json
import os
import sys
from pathlib import Path

from pillion.bind_address import bind_address
from pillion.identity import config as configuration
from pillion.identity.config import ConfigError
from pillion.identity.master_key import MasterKeyError
from pillion.identity.prepare import UnusableDatabaseError, prepare


def main() -> int:
    """Run the command; returns its exit code: 0 done, 1 it failed, 2 the input is wrong."""
    arguments = _parse()
    os.umask(0o077)
    try:
        config = configuration.from_environment(os.environ)
        if arguments.command == "prepare":
            print(json.dumps(prepare(config).jwks))  # noqa: T201 - this is the command's output
        else:
            from pillion.identity.serve import serve  # noqa: PLC0415 - the server only where it is needed

            serve(arguments.uds, arguments.bind, workers=arguments.workers)
    except ConfigError as error:
        return _fail(error, 2)
    except (MasterKeyError, UnusableDatabaseError, OSError) as error:
        return _fail(error, 1)
    return 0


def _fail(error: Exception, code: int) -> int:
    print(f"identity: {error}", file=sys.stderr)  # noqa: T201
    return code


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pillion.identity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="make database and signing key ready, print the public keys (JWKS)")
    serve = commands.add_parser("serve", help="answer requests until SIGTERM")
    where = serve.add_mutually_exclusive_group(required=True)
    where.add_argument("--uds", type=Path, metavar="PATH", help="listen on a Unix socket")
    where.add_argument("--bind", type=bind_address, metavar="HOST:PORT", help="listen on TCP")
    serve.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
