"""`pillion client`: the programs that people sign in to through Pillion, or that have an identity of their own."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from pillion.cli.group import Group
from pillion.cli.identity import with_identity
from pillion.cli.spread import refused

if TYPE_CHECKING:  # Django only where it is needed
    from pillion.identity.oauth.client_care import Client


# What can be said of a client when it is added, and later.
_OPTIONS: Final = (
    click.option(
        "--redirect-uri", "redirect_uris", multiple=True, metavar="U", help="Where people are sent back to."
    ),
    click.option("--grant", "grants", multiple=True, metavar="G", help="What it may use; see below."),
    click.option(
        "--scope", "scopes", multiple=True, metavar="S", help="What it may ask for; usually openid and email."
    ),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        metavar="A",
        help="For whom its tokens are; usually the mesh.",
    ),
    click.option(
        "--role", "roles", multiple=True, metavar="R", help="A role of its own, where it acts for itself."
    ),
    click.option(
        "--post-logout-redirect-uri",
        "post_logout_redirect_uris",
        multiple=True,
        metavar="U",
        help="Where people are sent after signing out.",
    ),
    click.option("--backchannel-logout-uri", metavar="U", help="Where it is told of sessions that end."),
)


def _said_of_it(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command those options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.group(cls=Group)
def command() -> None:
    """Manage the programs that sign people in through Pillion, or get tokens for themselves.

    \b
    Example:
        pillion client add Grafana --redirect-uri https://grafana.example.org/login/generic_oauth
        pillion client add "Nightly report" --role reporter
        pillion client list
        pillion client change client-0123456789abcdef --redirect-uri https://grafana.example.com/login
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command()
@click.argument("name")
@click.option("--public", is_flag=True, help="It can keep no secret: an app, a page in the browser.")
@click.option("--first-party", is_flag=True, help="It is yours: people are not asked whether they allow it.")
@_said_of_it
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def add(*, as_json: bool, **given: Any) -> None:
    """Register a program; prints its id and its secret, which is shown this once.

    Grants: authorization_code and refresh_token (usual with --redirect-uri), client_credentials (usual without),
    device_code, token_exchange.

    \b
    Example:
        pillion client add "Our app" --public --first-party --redirect-uri com.example.app:/signed-in
    """  # noqa: D301
    from pillion.identity.oauth import client_care, client_metadata  # noqa: PLC0415

    client, secret = client_care.add(client_metadata.Wanted(**_named(given)))
    if as_json:
        click.echo(json.dumps({**client.document(), "client_secret": secret}, indent=2))
        return
    click.echo(f"client id      {client.client_id}")
    if secret is not None:
        click.echo(f"client secret  {secret}")
        click.echo("the secret is not shown again; 'pillion client secret' makes another", err=True)


@command.command()
@click.argument("client_id", metavar="ID")
@click.option("--name", metavar="N", help="What people are told it is called.")
@click.option(
    "--first-party/--not-first-party", default=None, help="Whether it is yours: people are not asked then."
)
@_said_of_it
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def change(client_id: str, *, as_json: bool, **given: Any) -> None:
    """Change how a program is registered, and print it; what is not named stays as it is.

    What is named replaces all that there was of it; '' alone stands for none. What the program may not ask for any
    more is in none of its next tokens, whatever people allowed before. Grants are those of 'pillion client add';
    neither the id nor whether it has a secret can be changed.

    \b
    Example:
        pillion client change client-0123456789abcdef --scope openid --post-logout-redirect-uri ''
    """  # noqa: D301
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    changed = {name: () if value == ("",) else value for name, value in _named(given).items()}
    if not changed:
        raise click.UsageError("say what is to be changed: 'pillion client change --help' names it")
    _show(client_care.change(client_id, **changed), as_json=as_json)


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def list_(*, as_json: bool) -> None:
    """List the programs, by name.

    \b
    Example:
        pillion client list --json | jq -r '.[].client_id'
    """  # noqa: D301
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    found = client_care.list_clients()
    if as_json:
        click.echo(json.dumps([client.document() for client in found], indent=2))
    elif not found:
        click.echo("there are no clients")
    else:
        width = max(len(client.name) for client in found)
        for client in found:
            click.echo(
                f"{client.client_id}  {client.name:{width}}  {_kind(client)}  {' '.join(client.grants)}"
            )


@command.command()
@click.argument("client_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def show(client_id: str, *, as_json: bool) -> None:
    """Show how a program is registered.

    \b
    Example:
        pillion client show client-0123456789abcdef
    """  # noqa: D301
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    _show(client_care.find(client_id), as_json=as_json)


@command.command()
@click.argument("client_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def secret(client_id: str, *, as_json: bool) -> None:
    """Give a program another secret; the one before is good no more.

    \b
    Example:
        pillion client secret client-0123456789abcdef
    """  # noqa: D301
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    made = client_care.new_secret(client_id)
    if as_json:
        click.echo(json.dumps({"client_id": client_id, "client_secret": made}, indent=2))
    else:
        click.echo(f"client secret  {made}")


@command.command()
@click.argument("client_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_identity
def delete(client_id: str, *, yes: bool) -> None:
    """Delete a program, and revoke all that it holds tokens of. It cannot be undone.

    Returns when all Envoys that are connected have acknowledged; the exit code is 1 if one has not.

    \b
    Example:
        pillion client delete client-0123456789abcdef --yes
    """  # noqa: D301
    from pillion.identity import session_care  # noqa: PLC0415
    from pillion.identity.oauth import client_care  # noqa: PLC0415

    name = client_care.find(client_id).name
    if not yes:
        click.confirm(f"Delete the client {name}?", abort=True)
    count, spread = session_care.until_refused(lambda: client_care.delete(client_id))
    click.echo(f"deleted {name}; revoked {count} session{'' if count == 1 else 's'}")
    refused(spread)


def _named(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out the options that were not given."""
    return {name: value for name, value in options.items() if value not in {None, ()}}


def _show(client: "Client", *, as_json: bool) -> None:
    found = client.document()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        click.echo(f"{name.replace('_', ' '):26}{_said(value)}")


def _kind(client: "Client") -> str:
    return "public" if client.public else "secret"


def _said(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return value or "none"
        case Sequence():
            return " ".join(map(str, value)) or "none"
    return str(value)
