"""What the verbs share that work on identity's database: it is made ready, and its errors become sentences.

Where there is no topology but identity's own configuration, as in its pods, that says which database is meant.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pillion.cli import topology_option

if TYPE_CHECKING:  # only what is needed
    from pillion.identity.config import Config
    from pillion.identity.prepare import Prepared


@contextmanager
def identity_errors() -> Iterator[None]:
    """Turn identity's errors into one sentence: exit 2 for wrong input, 1 for what cannot be done."""
    from django.db import DatabaseError  # noqa: PLC0415 - Django only where it is needed

    from pillion.identity.accounts import AccountError, InvalidAccountError  # noqa: PLC0415
    from pillion.identity.key_care import RotationError  # noqa: PLC0415
    from pillion.identity.keys import NoSigningKeyError  # noqa: PLC0415
    from pillion.identity.master_key import MasterKeyError  # noqa: PLC0415
    from pillion.identity.rotation import NoSuchKeyError  # noqa: PLC0415

    try:
        yield
    except InvalidAccountError as error:
        raise click.UsageError(str(error)) from None
    except (AccountError, MasterKeyError, NoSigningKeyError, NoSuchKeyError, RotationError) as error:
        raise click.ClickException(str(error)) from None
    except DatabaseError as error:
        raise click.ClickException(f"identity's database cannot be used: {error}") from None


def own_config(file: Path | None) -> "Config | None":
    """Give what identity is told in this pod; None where `file` names a topology, or there is one to be found."""
    from pillion.identity import config as configuration  # noqa: PLC0415 - as above

    if not os.environ.get(configuration.VARIABLE) or topology_option.is_there(file):
        return None
    try:
        return configuration.from_environment(os.environ)
    except configuration.ConfigError as error:
        raise click.ClickException(str(error)) from None


def open_identity(file: Path | None, *, signing: bool = True) -> "Prepared":
    """Make identity's functions ready for the topology that `file` names; makes its state, if there is none.

    In a pod of identity, for what that is told. Without `signing` the keys need not be usable.
    """
    if (told := own_config(file)) is not None:
        return _prepared(told, signing=signing)
    path, topology = topology_option.read(file)
    from pillion.identity import config as configuration  # noqa: PLC0415 - as above
    from pillion.identity.config import ConfigError  # noqa: PLC0415
    from pillion.local import at_rest, folder, identity_config  # noqa: PLC0415
    from pillion.local.failure import LocalError  # noqa: PLC0415

    state = folder.of(path)
    try:
        folder.make(state)
        # What runs is told by `up` alone, which knows what it has taken up of the file.
        if at_rest.is_at_rest(state):
            identity_config.write(state, topology)
            at_rest.note(state)
        config = configuration.read(state.identity_config)
    except (ConfigError, LocalError, OSError) as error:
        raise click.ClickException(str(error)) from None
    return _prepared(config, signing=signing)


def _prepared(config: "Config", *, signing: bool) -> "Prepared":
    from pillion.identity.master_key import MasterKeyError  # noqa: PLC0415 - as above
    from pillion.identity.prepare import UnusableDatabaseError, prepare  # noqa: PLC0415

    try:
        return prepare(config, signing=signing)
    except (MasterKeyError, UnusableDatabaseError, OSError) as error:
        raise click.ClickException(str(error)) from None


def with_identity(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option `-f`, and identity ready to use."""
    return _with_identity(function, signing=True)


def with_identity_without_keys(function: Callable[..., None]) -> Callable[..., None]:
    """Do the same where the master key may be another one than that of the signing keys."""
    return _with_identity(function, signing=False)


def _with_identity(function: Callable[..., None], *, signing: bool) -> Callable[..., None]:
    @topology_option.option_or_pod
    @wraps(function)
    def wrapped(file: Path | None, **arguments: Any) -> None:
        open_identity(file, signing=signing)
        from pillion.identity import changes  # noqa: PLC0415 - as above

        with identity_errors(), changes.by(changes.command_line()):
            function(**arguments)

    return wrapped
