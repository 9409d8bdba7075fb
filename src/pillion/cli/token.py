"""`pillion token`: print a token, for curl."""

from datetime import timedelta

import click

from pillion.cli.identity import with_identity
from pillion.cli.span import Span


@click.command()
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whom the token speaks of.")
@click.option(
    "--lifetime", type=Span(), default="60s", show_default=True, help="How long it is good: 1s to 1h."
)
@with_identity
def command(email: str, lifetime: timedelta) -> None:
    """Print a token, for curl.

    \b
    Example:
        curl -H "Authorization: Bearer $(pillion token --user ada@example.org)" http://localhost:8080/me
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    from pillion.identity import accounts  # noqa: PLC0415 - Django only where it is needed

    click.echo(accounts.issue_token(email, lifetime))
