"""`pillion user`: manage accounts."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from pillion.cli import topology_option


@contextmanager
def identity_errors() -> Iterator[None]:
    """Turn identity's errors into one sentence: exit 2 for wrong input, 1 for what cannot be done."""
    from django.db import DatabaseError  # noqa: PLC0415 - Django only where it is needed

    from pillion.identity.accounts import AccountError, InvalidAccountError  # noqa: PLC0415
    from pillion.identity.keys import NoSigningKeyError  # noqa: PLC0415
    from pillion.identity.master_key import MasterKeyError  # noqa: PLC0415

    try:
        yield
    except InvalidAccountError as error:
        raise click.UsageError(str(error)) from None
    except (AccountError, MasterKeyError, NoSigningKeyError) as error:
        raise click.ClickException(str(error)) from None
    except DatabaseError as error:
        raise click.ClickException(f"identity's database cannot be used: {error}") from None


def open_identity(file: Path | None) -> None:
    """Make identity's functions ready for the topology that `file` names; makes its state, if there is none."""
    path, topology = topology_option.read(file)
    from pillion.identity import config as configuration  # noqa: PLC0415 - as above
    from pillion.identity.config import ConfigError  # noqa: PLC0415
    from pillion.identity.master_key import MasterKeyError  # noqa: PLC0415
    from pillion.identity.prepare import prepare  # noqa: PLC0415
    from pillion.local import folder, identity_config  # noqa: PLC0415
    from pillion.local.failure import LocalError  # noqa: PLC0415

    state = folder.of(path)
    try:
        folder.make(state)
        identity_config.write(state, topology)
        prepare(configuration.read(state.identity_config))
    except (ConfigError, LocalError, MasterKeyError, OSError) as error:
        raise click.ClickException(str(error)) from None


def with_identity(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option `-f`, and identity ready to use."""

    @topology_option.option
    @wraps(function)
    def wrapped(file: Path | None, **arguments: Any) -> None:
        open_identity(file)
        with identity_errors():
            function(**arguments)

    return wrapped


@click.group()
def command() -> None:
    """Manage accounts.

    \b
    Example:
        pillion user add ada@example.org --role manager
        pillion user list
        pillion user disable ada@example.org
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command()
@click.argument("email")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, up to its first line end."
)
@click.option("--role", "roles", multiple=True, metavar="R", help="Give a role; may be repeated.")
@with_identity
def add(email: str, roles: tuple[str, ...], *, password_stdin: bool) -> None:
    """Make an account; the password is asked for, twice, without showing it.

    \b
    Example:
        pillion user add ada@example.org --role manager
        printf '%s' "$PASSWORD" | pillion user add ada@example.org --password-stdin
    """  # noqa: D301
    from pillion.identity import accounts  # noqa: PLC0415

    account = accounts.add_user(email, _password(stdin=password_stdin), roles)
    click.echo(f"added {account.email} ({account.sub})")


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def list_(*, as_json: bool) -> None:
    """List the accounts: address, state, whether the address is known to be theirs, roles.

    Whoever signs up may write anybody's address; it is unverified until mail proves it. An account that you
    add is verified, by you.

    \b
    Example:
        pillion user list --json
    """  # noqa: D301
    from pillion.identity import accounts  # noqa: PLC0415

    found = accounts.list_users()
    if as_json:
        click.echo(json.dumps([account.document() for account in found], indent=2))
        return
    if not found:
        click.echo("there are no accounts yet: pillion user add EMAIL")
        return
    width = max(len(account.email) for account in found)
    for account in found:
        state = "active" if account.active else "disabled"
        proven = "verified" if account.verified else "unverified"
        click.echo(f"{account.email:{width}}  {state:8}  {proven:10}  {' '.join(account.roles)}".rstrip())


@command.command()
@click.argument("email")
@with_identity
def disable(email: str) -> None:
    """Let an account sign in no more, and revoke its sessions.

    \b
    Example:
        pillion user disable ada@example.org
    """  # noqa: D301
    from pillion.identity import accounts  # noqa: PLC0415

    account = accounts.set_active(email, active=False)
    click.echo(f"disabled {account.email}; its sessions are revoked")


@command.command()
@click.argument("email")
@with_identity
def enable(email: str) -> None:
    """Let a disabled account sign in again.

    \b
    Example:
        pillion user enable ada@example.org
    """  # noqa: D301
    from pillion.identity import accounts  # noqa: PLC0415

    click.echo(f"enabled {accounts.set_active(email, active=True).email}")


@command.command()
@click.argument("email")
@click.argument("roles", nargs=-1, metavar="[R]...")
@with_identity
def roles(email: str, roles: tuple[str, ...]) -> None:
    """Replace an account's roles; none named: it has none.

    \b
    Example:
        pillion user roles ada@example.org manager buyer
    """  # noqa: D301
    from pillion.identity import accounts  # noqa: PLC0415

    account = accounts.set_roles(email, roles)
    held = " ".join(account.roles) or "no roles"
    click.echo(f"{account.email} now has: {held} (tokens made from now on carry this)")
    if account.roles and not account.verified:
        click.echo(
            "note: this person signed up by themselves, and nothing proves that the address is theirs",
            err=True,
        )


@command.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_identity
def delete(email: str, *, yes: bool) -> None:
    """Delete an account, and revoke its sessions. It cannot be undone.

    \b
    Example:
        pillion user delete ada@example.org --yes
    """  # noqa: D301
    from pillion.identity import accounts  # noqa: PLC0415

    if not yes:
        click.confirm(f"Delete the account of {email}?", abort=True)
    accounts.delete_user(email)
    click.echo(f"deleted {email}; its sessions are revoked")


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password: use --password-stdin")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    return answer
