"""`pillion keys`: what tokens are signed with."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pillion.cli.group import Group
from pillion.cli.identity import with_identity, with_identity_without_keys
from pillion.cli.spread import tell

if TYPE_CHECKING:  # Django only where it is needed
    from pillion.identity.key_care import Key


@click.group(cls=Group)
def command() -> None:
    """List, rotate, revoke and replace the keys that tokens are signed with.

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


@command.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_identity_without_keys
def replace(*, yes: bool) -> None:
    """Make a new key where the master key of those before is lost.

    They are encrypted under it, so that without it nobody can sign with them again. All of them go out of use, and
    a new one signs: every token that is out is refused, also those that programs hold; browsers get a new one with
    their next request, since sessions stay. Codes of authenticator apps and recovery codes were encrypted under
    the lost key as well: see `pillion user reset-mfa`. Identity must be given the same master key as this command,
    and be started anew if it runs.

    Where the master key opens the key that signs, nothing is done.

    \b
    Example:
        pillion down
        pillion keys replace
        pillion up
    """  # noqa: D301
    from pillion.identity import key_care, rotation  # noqa: PLC0415

    lost = rotation.undecipherable()
    if lost is not None and not yes:
        click.echo(
            f"The key {lost} was encrypted under another master key. If there is a copy of that, give it back.\n"
            "Without it, all keys are replaced, and every token that is out is refused from then on.",
            err=True,
        )
        click.confirm("Replace all keys?", abort=True, err=True)
    replaced = key_care.replace() if lost is not None else None
    if replaced is None:
        click.echo("no key that signs was encrypted under another master key: nothing is to be replaced")
        return
    click.echo(f"{', '.join(replaced.old)}: no token that was signed so far is good any more")
    click.echo(f"{replaced.new} signs from now on; sessions go on, with new tokens")
    tell(replaced.spread, "known")


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
