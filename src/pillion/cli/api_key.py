"""`pillion api-key`: what a program shows at the edge in place of a token."""

import json
from datetime import timedelta

import click

from pillion.cli.group import Group
from pillion.cli.identity import with_identity
from pillion.cli.span import Span
from pillion.cli.spread import refused


@click.group(cls=Group)
def command() -> None:
    """Make, list and revoke API keys.

    A key is for a program that cannot sign in. It is sent like a token, `Authorization: Bearer plk_…`; the edge
    exchanges it for one, so that services only ever see tokens.

    \b
    Example:
        pillion api-key add backup --user ada@example.org --expires 30d
        curl -H "Authorization: Bearer $KEY" http://localhost:8080/api/orders
        pillion api-key list
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command()
@click.argument("name")
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whose key it is.")
@click.option(
    "--scope", "scopes", multiple=True, metavar="S", help="What services are told; may be repeated."
)
@click.option(
    "--expires", type=Span(), default="90d", show_default=True, help="How long it is good, up to 366d."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def add(name: str, email: str, scopes: tuple[str, ...], expires: timedelta, *, as_json: bool) -> None:
    """Make a key for what NAME says, and print it: it is not shown again.

    It can do what its owner can, but for what asks for a second factor. It ends when it expires or is revoked,
    when its owner's sessions are, or when its owner gets another password.

    \b
    Example:
        KEY=$(pillion api-key add backup --user ada@example.org)
        pillion api-key add ci --user ada@example.org --scope orders:read --expires 7d
    """  # noqa: D301
    from pillion.identity import api_keys  # noqa: PLC0415 - Django only where it is needed

    made = api_keys.make(email, name, scopes=scopes, lifetime=expires)
    if as_json:
        click.echo(json.dumps(made.document(), indent=2))
        return
    click.echo(made.secret)
    until = made.expires.astimezone().strftime("%Y-%m-%d %H:%M")
    click.echo(f"good until {until}; keep it now: it is not shown again", err=True)


@command.command(name="list")
@click.option("--user", "email", metavar="EMAIL", help="Only the keys of this account.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def list_(email: str | None, *, as_json: bool) -> None:
    """List the keys that are alive, the latest first: id, beginning, owner, name, last use.

    \b
    Example:
        pillion api-key list --json | jq -r '.[] | select(.used == null) | .id'
    """  # noqa: D301
    from pillion.identity import api_keys  # noqa: PLC0415

    found = api_keys.list_keys(email)
    if as_json:
        click.echo(json.dumps([key.document() for key in found], indent=2))
        return
    if not found:
        click.echo("there are no API keys" if email is None else f"{email} has no API key")
    width = max((len(key.email) for key in found), default=0)
    for key in found:
        used = key.used.astimezone().strftime("%Y-%m-%d %H:%M") if key.used else "never used      "
        until = key.expires.astimezone().strftime("%Y-%m-%d")
        scopes = f"  ({' '.join(key.scopes)})" if key.scopes else ""
        click.echo(f"{key.id}  {key.hint}…  {key.email:{width}}  {used}  until {until}  {key.name}{scopes}")


@command.command()
@click.argument("key")
@with_identity
def revoke(key: str) -> None:
    """Revoke a key, by its id, or by itself, and the tokens that it brought.

    Returns when all Envoys that are connected have acknowledged; the exit code is 1 if one has not.

    \b
    Example:
        pillion api-key revoke 0b6f2d0c-6f0e-4c5e-9a53-0e6d0a2c7b11
    """  # noqa: D301
    from pillion.identity import api_keys, session_care  # noqa: PLC0415

    _, spread = session_care.until_refused(lambda: api_keys.revoke(key))
    click.echo("revoked the API key")
    refused(spread)
