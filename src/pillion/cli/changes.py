"""`pillion changes`: who changed what of accounts, sessions, clients and keys."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from pillion.cli.identity import with_identity
from pillion.cli.span import Span

if TYPE_CHECKING:  # Django only where it is needed
    from collections.abc import Iterable

    from pillion.identity.models import Change


@click.command()
@click.option("--since", type=Span(), metavar="SPAN", help="Only what is not older, such as 24h.")
@click.option(
    "--by", "actor", metavar="WHO", help="Only what this account did; 'identity' for what it does by itself."
)
@click.option(
    "--of", "whom", metavar="WHOM", help="Only what was done to this account, client, key or session."
)
@click.option("--what", metavar="WHAT", help="Only this, such as user.roles, or all that begin with user.")
@click.option("-n", "--lines", type=click.IntRange(min=1), metavar="N", help="Only the latest N.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone: a line each.")
@with_identity
def command(  # noqa: PLR0913 - one for each option
    since: timedelta | None,
    actor: str | None,
    whom: str | None,
    what: str | None,
    lines: int | None,
    *,
    as_json: bool,
) -> None:
    """Print the record of changes, the oldest first: who changed what, when and from where.

    What operators change of accounts, roles, sessions, clients and keys stands in it, by this command line or in
    the admin; and what people change of their own passwords, addresses, second factors and API keys, though not
    that they end sessions of their own. The database lets nobody change or delete a line.

    \b
    Example:
        pillion changes --since 24h
        pillion changes --of ada@example.org --json > ada.jsonl
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    from pillion.identity import changes  # noqa: PLC0415

    found = changes.find(since=since, actor=actor, whom=whom, what=what, latest=lines)
    if as_json:
        for change in found:
            click.echo(json.dumps(changes.document(change)))
    else:
        _table(found)


def _table(found: "Iterable[Change]") -> None:
    none = True
    for change in found:
        none = False
        at = change.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        where = f" ({change.address})" if change.address else ""
        details = "".join(f"  {name}={_short(value)}" for name, value in change.details.items())
        click.echo(f"{at}  {change.what:22}  {change.whom}  by {change.actor}{where}{details}")
    if none:
        click.echo("nothing was changed")


def _short(value: Any) -> str:
    """Write a value in a line; whoever changes something may choose what stands in it."""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(character if character.isprintable() else "?" for character in written)[:80]
