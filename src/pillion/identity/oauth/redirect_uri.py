"""Where an answer may be sent: exactly where the client's registration says. Pure."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit, urlunsplit

# RFC 3986, section 2: the characters of a URI.
_URI: Final = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]{1,2000}")
# RFC 8252, section 7.1: an app's own scheme is a domain name of theirs turned round.
_OWN_SCHEME: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+")


def is_registered(wanted: str, registered: Iterable[str]) -> bool:
    """Compare to the letter (RFC 9700, section 4.1.3), but for the port of a loopback address.

    An app on somebody's own machine listens on a port that the system gives it (RFC 8252, section 7.3).
    """
    if not _URI.fullmatch(wanted):
        return False
    return any(
        wanted == one or (is_loopback(one) and is_loopback(wanted) and _portless(wanted) == _portless(one))
        for one in registered
    )


def is_loopback(uri: str) -> bool:
    """Tell whether a URI is http on a loopback address; a name, `localhost` too, could lead elsewhere."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
        return (
            parts.scheme == "http"
            and parts.username is None
            and ipaddress.ip_address(parts.hostname or "").is_loopback
        )
    except ValueError:
        return False


def is_of_an_app(uri: str) -> bool:
    """Tell whether any program on somebody's machine could listen there: nothing proves which does."""
    return not uri.startswith("https://")


def mistake(uri: str) -> str | None:
    """Say what is wrong with a URI that is to be registered; None if nothing is."""
    if not _URI.fullmatch(uri):
        return "is no URI of 1 to 2000 characters (and may have no fragment)"
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return "is no URI"
    here = is_loopback(uri) or parts.hostname == "localhost"
    mistakes = {
        "must not hold a user name": parts.username is not None or parts.password is not None,
        "names no host": parts.scheme in {"http", "https"} and not parts.hostname,
        "must be https, unless it is on this machine": parts.scheme == "http" and not here,
        "must be https, or an app's own scheme such as com.example.app:/signed-in": (
            parts.scheme not in {"http", "https"} and not _OWN_SCHEME.fullmatch(parts.scheme)
        ),
    }
    return next((said for said, wrong in mistakes.items() if wrong), None)


def _portless(uri: str) -> str:
    parts = urlsplit(uri)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else (parts.hostname or "")
    return urlunsplit(parts._replace(netloc=host))
