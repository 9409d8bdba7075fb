"""A span of time on the command line."""

import re
from datetime import timedelta
from typing import Final

import click

_SPAN: Final = re.compile(r"([0-9]{1,5})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Span(click.ParamType[timedelta]):
    """A time such as `60s`, `5m`, `1h` or `90d`."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Give the time; fails for anything else, in one sentence."""
        if isinstance(value, timedelta):
            return value
        found = _SPAN.fullmatch(str(value))
        if found is None:
            self.fail(f"'{value}' is not a time such as 60s, 5m, 1h or 90d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
