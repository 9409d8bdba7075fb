"""`python -m pillion.kubernetes.webhook` answers the API server until SIGTERM."""

import argparse
import sys
from pathlib import Path

from pillion.bind_address import bind_address
from pillion.kubernetes.webhook.app import CONFIG_VARIABLE, IMAGE_VARIABLE, from_environment
from pillion.kubernetes.webhook.config import ConfigError


def main() -> int:
    """Run the command; returns its exit code: 0 done, 1 it failed, 2 the input is wrong."""
    arguments = _parse()
    try:
        from_environment()
        from pillion.kubernetes.webhook.serve import serve  # noqa: PLC0415 - the server only where it is needed

        serve(arguments.bind, arguments.certificates)
    except ConfigError as error:
        print(f"webhook: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except OSError as error:
        print(f"webhook: {arguments.certificates}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pillion.kubernetes.webhook",
        description=f"{CONFIG_VARIABLE} names the file about the mesh, {IMAGE_VARIABLE} Envoy's image.",
    )
    parser.add_argument("--bind", type=bind_address, required=True, metavar="HOST:PORT", help="listen there")
    parser.add_argument(
        "--certificates",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="tls.crt and tls.key, which may change",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
