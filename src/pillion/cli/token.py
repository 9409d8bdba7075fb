"""`pillion token`: print a token, for curl."""

import re
from datetime import timedelta
from typing import Final

import click

from pillion.cli.identity import with_identity

_LIFETIME: Final = re.compile(r"([0-9]{1,5})([smh])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours"}


class _Lifetime(click.ParamType[timedelta]):
    """A time such as `60s`, `5m` or `1h`."""

    name = "lifetime"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = _LIFETIME.fullmatch(str(value))
        if found is None:
            self.fail(f"'{value}' is not a time such as 60s, 5m or 1h", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command()
@click.option("--user", "email", required=True, metavar="EMAIL", help="Whom the token speaks of.")
@click.option(
    "--lifetime", type=_Lifetime(), default="60s", show_default=True, help="How long it is good: 1s to 1h."
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
