"""`pillion user`: manage accounts."""

import json
import sys

import click

from pillion.cli.group import Group
from pillion.cli.identity import with_identity
from pillion.cli.spread import refused
from pillion.cli.user_import import import_


@click.group(cls=Group)
def command() -> None:
    """Manage accounts.

    \b
    Example:
        pillion user add ada@example.org --role manager
        pillion user list
        pillion user disable ada@example.org
    """  # noqa: D301 - \b is click's mark for text to leave as it is


command.add_command(import_)


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
    """List the accounts: address, state, whether the address is known to be theirs, second factors, roles.

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
    factors = [",".join(account.second_factors) or "-" for account in found]
    wide = max(map(len, factors))
    for account, second in zip(found, factors, strict=True):
        state = "active" if account.active else "disabled"
        proven = "verified" if account.verified else "unverified"
        roles = " ".join(account.roles)
        click.echo(f"{account.email:{width}}  {state:8}  {proven:10}  {second:{wide}}  {roles}".rstrip())


@command.command()
@click.argument("email")
@with_identity
def disable(email: str) -> None:
    """Let an account sign in no more, and revoke its sessions.

    \b
    Example:
        pillion user disable ada@example.org
    """  # noqa: D301
    from pillion.identity import accounts, session_care  # noqa: PLC0415

    account, spread = session_care.until_refused(lambda: accounts.set_active(email, active=False))
    click.echo(f"disabled {account.email}; its sessions are revoked")
    refused(spread)


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
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, up to its first line end."
)
@with_identity
def password(email: str, *, password_stdin: bool) -> None:
    """Give an account another password, and revoke its sessions.

    \b
    Example:
        pillion user password ada@example.org
    """  # noqa: D301
    from pillion.identity import accounts, session_care  # noqa: PLC0415

    accounts.find_user(email)  # before anybody has to think of a password
    new = _password(stdin=password_stdin)
    account, spread = session_care.until_refused(lambda: accounts.set_password(email, new))
    click.echo(f"{account.email} has a new password; its sessions are revoked")
    refused(spread)


@command.command(name="reset-mfa")
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_identity
def reset_mfa(email: str, *, yes: bool) -> None:
    """Take all second factors from an account whose owner has lost them, and revoke its sessions.

    From then on its password alone is enough to sign in, until they add a second factor again. Be sure of whom you
    do this for: it is what somebody asks for who has found out the password.

    \b
    Example:
        pillion user reset-mfa ada@example.org
    """  # noqa: D301
    from pillion.identity import accounts, session_care  # noqa: PLC0415

    account = accounts.find_user(email)
    if not yes:
        click.confirm(f"Take all second factors from the account of {account.email}?", abort=True)
    account, spread = session_care.until_refused(lambda: accounts.reset_second_factors(email))
    click.echo(f"{account.email} has no second factor any more; its sessions are revoked")
    refused(spread)


@command.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_identity
def unlink(email: str, *, yes: bool) -> None:
    """Remove the providers by which an account is signed in to, and revoke its sessions.

    As when its address belongs to another person now: whoever the provider says has it is linked at their next
    sign-in. An account without a password, and without such a person, needs `pillion user password`.

    \b
    Example:
        pillion user unlink ada@example.org
    """  # noqa: D301
    from pillion.identity import accounts, provider_care, session_care  # noqa: PLC0415

    account = accounts.find_user(email)
    if not yes:
        click.confirm(f"Remove all providers from the account of {account.email}?", abort=True)
    titles, spread = session_care.until_refused(lambda: provider_care.unlink(email))
    click.echo(f"{account.email} is linked no more to {', '.join(titles)}; its sessions are revoked")
    refused(spread)


@command.command()
@click.argument("email")
@click.option("--client", "client_id", metavar="ID", help="What this client alone was allowed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_identity
def withdraw(email: str, client_id: str | None, *, yes: bool) -> None:
    """Take back what a user has allowed other programs: their tokens are revoked, and the user is asked again.

    Returns when all Envoys that are connected have acknowledged; the exit code is 1 if one has not.

    \b
    Example:
        pillion user withdraw ada@example.org --client client-0123456789abcdef
    """  # noqa: D301
    from pillion.identity import accounts, session_care  # noqa: PLC0415
    from pillion.identity.oauth import grant_care  # noqa: PLC0415

    address = accounts.find_user(email).email
    if not yes:
        click.confirm(f"Take back what {address} has allowed {client_id or 'all programs'}?", abort=True)
    count, spread = session_care.until_refused(lambda: grant_care.withdraw(address, client_id))
    click.echo(f"taken back what {address} had allowed; revoked {count} session{'' if count == 1 else 's'}")
    refused(spread)


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
    from pillion.identity import accounts, session_care  # noqa: PLC0415

    if not yes:
        click.confirm(f"Delete the account of {email}?", abort=True)
    _, spread = session_care.until_refused(lambda: accounts.delete_user(email))
    click.echo(f"deleted {email}; its sessions are revoked")
    refused(spread)


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password: use --password-stdin")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt="The same again")
    return answer
