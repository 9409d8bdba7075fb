"""`pillion keys`: what tokens are signed with."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pillion.cli.group import Group
from pillion.cli.identity import with_identity
from pillion.cli.spread import tell

if TYPE_CHECKING:  # Django only where it is needed
    from pillion.identity.key_care import Key


@click.group(cls=Group)
def command() -> None:
    """List, rotate and revoke the keys that tokens are signed with.

    A key is announced (every Envoy is given it), then signing, then retired (what it signed is still believed),
    then gone. Identity rotates them by itself: see `tokens.rotation` in the topology.

    \b
    Example:
        pillion keys list
        pillion keys rotate
        pillion keys revoke 8Gm7-9tfKS0LHRM1uSm0wWkUBjKsyHIuGvQPz3jBXVk
    """  # noqa: D301 - \b is click's mark for text to leave as it is


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone.")
@with_identity
def list_(*, as_json: bool) -> None:
    """List the keys, the oldest first, with where each is in its life.

    \b
    Example:
        pillion keys list --json | jq -r '.[] | select(.state == "signing") | .kid'
    """  # noqa: D301
    from pillion.identity import key_care  # noqa: PLC0415

    found = key_care.list_keys()
    if as_json:
        click.echo(json.dumps([key.document() for key in found], indent=2))
        return
    for key in found:
        click.echo(f"{key.kid}  {key.algorithm:5}  {key.state:9}  {_since(key)}")


@command.command()
@with_identity
def rotate() -> None:
    """Let another key sign, without a request failing.

    A new key is announced and given to every Envoy; when all that are connected have acknowledged it, or after 30
    seconds, it signs. The one before it is believed until the last token that it signed is dead.

    \b
    Example:
        pillion keys rotate
    """  # noqa: D301
    from pillion.identity import key_care  # noqa: PLC0415

    change = key_care.rotate()
    click.echo(f"{change.new} signs from now on; {change.old} is believed until its last token is dead")
    tell(change.spread, "known")


@command.command()
@click.argument("kid")
@with_identity
def revoke(kid: str) -> None:
    """Take a key that somebody else may have out of use, everywhere and at once.

    Whatever it signed is refused from now on. If it is the one that signs, a new one takes its place. Nobody has
    to sign in again: browsers get a new token with their next request; what holds a token only needs a new one.

    \b
    Example:
        pillion keys revoke "$(pillion keys list --json | jq -r '.[] | select(.state == "signing") | .kid')"
    """  # noqa: D301
    from pillion.identity import key_care  # noqa: PLC0415

    change = key_care.revoke(kid)
    click.echo(f"revoked {change.old}: no token that it signed is good any more")
    if change.new is not None:
        click.echo(f"{change.new} signs from now on; sessions go on, with new tokens")
    tell(change.spread, "gone")


def _since(key: "Key") -> str:
    """Say what matters of a key in its state."""
    match key.state:
        case "signing":
            return f"since {_time(key.signing_since)}"
        case "retired":
            return f"believed until {_time(key.verifies_until)}"
        case "gone":
            return f"since {_time(key.gone_since)}"
    return f"since {_time(key.created)}"


def _time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "?"
