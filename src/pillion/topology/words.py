"""Single words and texts of the topology: names, methods, roles, lifetimes, databases, commands."""

import re
import shlex
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from pillion import vocabulary
from pillion.topology.address import text
from pillion.topology.finding import Code
from pillion.topology.fitness import unfit
from pillion.topology.wording import did_you_mean, one_of

# A service's name becomes a host name, part of a SPIFFE id and the name of a Kubernetes Service:
# RFC 1035, section 2.3.1, is what all three allow.
NAME: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
RESERVED_NAMES: Final = frozenset({"edge", "identity", "control", "localhost"})

# As registries take it (OCI Distribution Specification, "Pulling manifests"): a registry, a name, a tag, a digest.
_PART: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
IMAGE: Final = re.compile(
    r"(?:(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+(?=:[0-9]))(?::[0-9]{1,5})?/)?"
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
    re.ASCII,
)

# RFC 9110, section 9, and RFC 5789; CONNECT and TRACE are refused at the edge.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_name(written: str) -> str:
    """Read the name of the mesh or of a service: a DNS label that starts with a letter."""
    if not NAME.fullmatch(written):
        message = "{written} is not a name: 1 to 63 of a-z, 0-9 and '-', a letter first and no '-' at the end"
        right = re.sub(r"[^a-z0-9]+", "-", written.lower()).strip("-")
        raise unfit("bad-name", message, f"write '{right}'" if NAME.fullmatch(right) else "")
    return written


def parse_service_name(written: str) -> str:
    """Read a service's name; Pillion's own workloads keep theirs."""
    if written in RESERVED_NAMES:
        raise unfit(
            "reserved-name",
            f"{{written}} is one of the names that Pillion keeps: {', '.join(sorted(RESERVED_NAMES))}",
        )
    return parse_name(written)


def parse_method(written: str) -> str:
    """Read an HTTP method; methods are case-sensitive (RFC 9110, section 9.1)."""
    if written not in METHODS:
        near = did_you_mean(written.upper(), METHODS)
        raise unfit(
            "unknown-method", f"{{written}} is no method that a rule can name: {one_of(METHODS)}", near
        )
    return written


def parse_role(written: str) -> str:
    """Read a role's name, in the form that is safe in a comma-separated header."""
    if not vocabulary.ROLE.fullmatch(written):
        message = (
            "{written} is not a role: 1 to 64 of a-z, 0-9, '.', '_', ':', '-', at both ends a letter or digit"
        )
        right = written.strip().lower().replace(" ", "-")
        raise unfit("bad-role", message, f"write '{right}'" if vocabulary.ROLE.fullmatch(right) else "")
    return written


def parse_lifetime(value: Any) -> timedelta:
    """Read 30s, 5m or 1h, from ten seconds to one hour."""
    return _LIFETIME.parse(value)


def parse_rotation(value: Any) -> timedelta:
    """Read 12h or 30d, from one hour to a leap year."""
    return _ROTATION.parse(value)


def parse_database(value: Any) -> Literal["sqlite"] | SecretStr:
    """Read where identity keeps its data. No message quotes the value: a URL may hold a password."""
    if isinstance(value, SecretStr):
        return value
    written = text(value)
    if written == "sqlite":
        return "sqlite"
    if not written.startswith("postgresql://") or not _names_a_database(written):
        raise unfit(
            "bad-database",
            "this is no database: write sqlite, or postgresql://USER:PASSWORD@HOST/NAME, an @ inside as %40",
        )
    return SecretStr(written)


def _names_a_database(url: str) -> bool:
    """Ask libpq, which will have to read it."""
    import psycopg  # noqa: PLC0415 - only where the topology names PostgreSQL
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        port = urlsplit(url).port  # libpq looks at it when it connects
    except ValueError:
        port = None if "," in url else 0  # several hosts have several
    try:
        parts = conninfo_to_dict(url)
    except (psycopg.Error, ValueError):  # ValueError: half of a surrogate pair
        return False
    return port != 0 and "\0" not in url and bool(parts.get("dbname") or parts.get("service"))


def parse_run(written: str) -> str:
    """Read the command that starts a service; it is split as a shell would, and run without one."""
    try:
        words = shlex.split(written)
    except ValueError:
        raise unfit(
            "bad-run", "{written} cannot be split into words: a quotation mark is not closed"
        ) from None
    if not words or not words[0]:
        raise unfit("bad-run", "a command is needed here, such as python orders.py")
    return written


def parse_image(written: str) -> str:
    """Read the name of a container image, with a tag, a digest, both or none."""
    if not IMAGE.fullmatch(written):
        raise unfit(
            "bad-image",
            "{written} is no container image: write REGISTRY/NAME:TAG, such as registry.example/shop/orders:1.4",
        )
    return written


@dataclass(frozen=True)
class _Span:
    """A length of time that a text may name: its units, the ends of its range, and words for a message."""

    code: Code
    units: str
    example: str
    shortest: str
    longest: str
    meaning: str

    def parse(self, value: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        written = text(value)
        if not re.fullmatch(f"[0-9]{{1,6}}[{self.units}]", written, re.ASCII):
            units = one_of(tuple(self.units))
            raise unfit(
                self.code, f"{{written}} is not a time: write a number and {units}, such as {self.example}"
            )
        if not _time(self.shortest) <= _time(written) <= _time(self.longest):
            raise unfit(
                self.code, f"{{written}} is not between {self.shortest} and {self.longest}, {self.meaning}"
            )
        return _time(written)


def _time(written: str) -> timedelta:
    return timedelta(seconds=int(written[:-1]) * _SECONDS[written[-1]])


_LIFETIME: Final = _Span("bad-lifetime", "smh", "30s or 5m", "10s", "1h", "the times that a token may live")
_ROTATION: Final = _Span("bad-rotation", "hd", "12h or 30d", "1h", "366d", "the times that a key may sign")
