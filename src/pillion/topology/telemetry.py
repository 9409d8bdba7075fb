"""What is said of telemetry: where the OpenTelemetry collector takes spans and logs."""

import re
from typing import Any, Final

from pydantic_core import PydanticCustomError

from pillion.topology.address import Address, UnixSocket, parse_app, text
from pillion.topology.fitness import unfit

COLLECTOR: Final = re.compile(r"(http://[^/@?#]+/?|unix:/.+)", re.ASCII)


def parse_collector(value: Any) -> Address | UnixSocket:
    """Read `http://127.0.0.1:4317` or `unix:/path`, on this machine: who asks for what travels there in clear."""
    if isinstance(value, Address | UnixSocket):
        return value
    written = text(value)
    if not COLLECTOR.fullmatch(written):
        raise _unfit(written)
    try:
        return parse_app(written.removeprefix("http://").removesuffix("/"))
    except PydanticCustomError:
        raise _unfit(written) from None


def _unfit(written: str) -> PydanticCustomError:
    what = "an address with a user or a password" if "@" in written else "{written}"
    return unfit(
        "bad-collector",
        f"{what} is no collector on this machine: one that is elsewhere is sent things by way of an agent here",
        "write 'http://127.0.0.1:4317' or 'unix:/run/collector.sock'",
    )
