"""What is said of a users service of one's own: where it is, and the secret by which it knows identity."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from pillion.topology.address import text
from pillion.topology.fitness import unfit
from pillion.topology.origin import is_this_machine

_SHORTEST: Final = 32
_LONGEST: Final = 1000
_VISIBLE: Final = re.compile("[!-~]+", re.ASCII)


def parse_users_url(written: str) -> str:
    """Read where passwords are checked: by https, or on this machine, since they travel there in clear."""
    if "@" in written:
        raise unfit("bad-users-url", "no user and no password stands in this address: use 'secret' or 'tls'")
    try:
        parts = urlsplit(written)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "#" in written or not _VISIBLE.fullmatch(written) or len(written) > _LONGEST:
        raise unfit(
            "bad-users-url", "{written} is no address of a service, such as https://users.example/check"
        )
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        raise unfit("bad-users-url", "{written} would send passwords in clear: http is for this machine only")
    return written


def parse_secret(value: Any) -> SecretStr:
    """Read a secret that two programs share. No message quotes it."""
    if isinstance(value, SecretStr):
        return value
    written = text(value)
    if len(written) < _SHORTEST:
        raise unfit(
            "weak-secret",
            f"this secret has fewer than {_SHORTEST} characters: 'openssl rand -base64 32' makes a good one",
        )
    return SecretStr(written)
