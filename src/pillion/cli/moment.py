"""A moment on the command line: how long ago, or when."""

from datetime import UTC, datetime

import click

from pillion.cli.span import Span


class Moment(click.ParamType[datetime]):
    """A span before now, such as `10m`, or a time in ISO 8601; without an offset it is this machine's time."""

    name = "moment"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Give the moment, in UTC; fails for anything else, in one sentence."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.now(UTC) - Span().convert(value, None, None)
        except (click.BadParameter, OverflowError):
            pass
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"'{value}' is neither a time ago such as 10m, 1h or 2d nor a date such as 2026-01-31T12:00:00Z",
                param,
                ctx,
            )
