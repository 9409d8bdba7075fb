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
    in_pods = _in_pods()
    if spread.everywhere:
        # Nobody knows how many pods there should be: one that has lost its stream is missed by nobody.
        click.echo(f"{what} {'by all that are connected' if in_pods else 'everywhere'} in {took} {count}")
        return
    if spread.silent:
        click.echo(_silent(spread.controls, in_pods=in_pods), err=True)
    else:
        click.echo(f"{what} by those that are connected in {took} {count}; not yet by:", err=True)
        for laggard in spread.missing:
            click.echo(f"  {laggard.kind} {laggard.name}: {laggard.why}", err=True)
    click.get_current_context().exit(1)


def _in_pods() -> bool:
    from pillion.identity import workloads  # noqa: PLC0415 - as above

    return workloads.are_certified()


def _silent(others: int, *, in_pods: bool) -> str:
    more = (
        "'kubectl get pods' and 'kubectl logs' say more"
        if in_pods
        else "'pillion status' and 'pillion logs control' say more"
    )
    if others:
        return f"a control is not heard of, and Envoys that it had have not come to another one; {more}"
    return f"control is not heard of: no Envoy can be told until it is back; {more}"
