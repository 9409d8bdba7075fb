"""What is said of telemetry: where the OpenTelemetry collector takes spans and logs."""

import re
from typing import Any, Final

from pydantic_core import PydanticCustomError

from pillion.topology.address import Address, DnsAddress, UnixSocket, parse_app, text
from pillion.topology.fitness import unfit

COLLECTOR: Final = re.compile(r"(http://[^/@?#]+/?|unix:/.+)", re.ASCII)

# RFC 1123, section 2.1, in lower case; the last label has a letter, so that it is no address.
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME_AND_PORT: Final = re.compile(
    rf"(?P<host>(?:{_LABEL}\.)+(?=[0-9-]*[a-z]){_LABEL}):(?P<port>[1-9][0-9]{{0,4}})", re.ASCII
)
_LARGEST_PORT: Final = 65535


def parse_collector(value: Any) -> Address | DnsAddress | UnixSocket:
    """Read `http://127.0.0.1:4317` or `unix:/path`, on this machine, or for pods the name of a Service.

    Who asks for what travels there in clear: on a laptop it stays on the machine.
    """
    if isinstance(value, Address | DnsAddress | UnixSocket):
        return value
    written = text(value)
    if not COLLECTOR.fullmatch(written):
        raise _unfit(written)
    place = written.removeprefix("http://").removesuffix("/")
    named = _NAME_AND_PORT.fullmatch(place) if written.startswith("http://") else None
    if named and int(named["port"]) <= _LARGEST_PORT:
        return DnsAddress(host=named["host"], port=int(named["port"]))
    try:
        return parse_app(place)
    except PydanticCustomError:
        raise _unfit(written) from None


def _unfit(written: str) -> PydanticCustomError:
    what = "an address with a user or a password" if "@" in written else "{written}"
    return unfit(
        "bad-collector",
        f"{what} is no collector on this machine, nor a Service of a cluster: one that is elsewhere is sent "
        "things by way of an agent here",
        "write 'http://127.0.0.1:4317', 'unix:/run/collector.sock' or 'http://NAME.NAMESPACE:4317'",
    )
