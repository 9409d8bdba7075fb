"""The option `-f FILE` that every command takes, and the topology that it names."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pillion.problem import InvalidInputError
from pillion.topology import Topology, find, load, load_for_pods

Command = TypeVar("Command", bound=Callable[..., Any])

_HELP: Final = "The topology file.  [default: pillion.yaml in this folder or the nearest parent"


def _option(default: str = "") -> Callable[[Command], Command]:
    return click.option(
        "-f", "--file", type=click.Path(path_type=Path), metavar="FILE", help=f"{_HELP}{default}]"
    )


option: Final = _option()
# For what works on identity's database, in a pod of identity as well.
option_or_pod: Final = _option("; without one, in a pod, what PILLION_IDENTITY_CONFIG names")


def locate(file: Path | None) -> Path:
    """Say which file is meant, as named from here; raises InvalidInputError if there is none."""
    if file is not None:
        return file
    try:
        here = Path.cwd()
    except OSError:
        raise click.ClickException("the current folder is not there any more: change to another") from None
    return Path(os.path.relpath(find(here), here))


def is_there(file: Path | None) -> bool:
    """Tell whether a topology is meant: one was named, or lies here or above."""
    try:
        locate(file)
    except InvalidInputError:
        return False
    return True


def read(file: Path | None) -> tuple[Path, Topology]:
    """Read the topology that `file` names, or the nearest one; returns its absolute path too.

    `${NAME}` is taken from this process's environment. Raises InvalidInputError with every problem.
    """
    named = locate(file)
    topology = load(named, os.environ)
    return named.absolute(), topology


def read_for_pods(file: Path | None) -> tuple[Path, Topology]:
    """Read it likewise for what runs in pods: secrets stay `${NAME}`, and need no value here."""
    named = locate(file)
    topology = load_for_pods(named, os.environ)
    return named.absolute(), topology
