"""What a server's option `--bind HOST:PORT` says."""

import argparse


def bind_address(text: str) -> tuple[str, int]:
    """Give host, an IPv6 address without its brackets, and port; raises ArgumentTypeError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:  # noqa: PLR2004 - ports are 16 bits
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
    return host.strip("[]"), int(port)
