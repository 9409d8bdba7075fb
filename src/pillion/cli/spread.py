"""Says how far something has spread among the Envoys, and ends the command with 1 where it is not everywhere."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # Django only where it is needed
    from pillion.identity.acknowledged import Spread


def refused(spread: "Spread | None") -> None:
    """Tell of revoked sessions; None: none of them had a token that is alive."""
    if spread is None:
        click.echo("no token of theirs was alive")
    else:
        tell(spread, "refused")


def tell(spread: "Spread", what: str) -> None:
    """Say `what` everywhere in how many milliseconds, or by whom not; then the exit code is 1."""
    if spread.nobody:
        click.echo("nothing runs that would have to be told")
        return
    took = f"{round(spread.seconds * 1000)} ms"
    expected = spread.connected + sum(laggard.why == "is not connected" for laggard in spread.missing)
    count = f"({spread.acknowledged} of {expected})"
    if spread.everywhere:
        click.echo(f"{what} everywhere in {took} {count}")
        return
    if spread.silent:
        click.echo(
            "control is not heard of: no Envoy can be told until it is back; 'pillion status' and "
            "'pillion logs control' say more",
            err=True,
        )
    else:
        click.echo(f"{what} by those that are connected in {took} {count}; not yet by:", err=True)
        for laggard in spread.missing:
            click.echo(f"  {laggard.kind} {laggard.name}: {laggard.why}", err=True)
    click.get_current_context().exit(1)
