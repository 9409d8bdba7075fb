"""`-o DIR`, of the commands that write a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the parameter `output`; `what` says what is written there."""
    return click.option(
        "-o",
        "--output",
        "output",
        required=True,
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help=what,
    )
