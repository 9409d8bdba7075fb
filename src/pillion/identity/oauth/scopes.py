"""What a client may ask for. Pure."""

import re
from collections.abc import Iterable
from typing import Final

# RFC 6749, section 3.3; a comma would look like a list in a header.
SCOPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")

OPENID: Final = "openid"
EMAIL: Final = "email"
ROLES: Final = "roles"
OFFLINE: Final = "offline_access"

# Those that mean something to us, each with what a person is told of it.
KNOWN: Final = {
    OPENID: "Know which account is yours",
    EMAIL: "See your email address",
    ROLES: "See your roles",
    OFFLINE: "Keep access while you are away",
}
DEFAULT: Final = (OPENID, EMAIL)
# They speak of a person, and mean nothing for a client that acts for itself.
OF_A_PERSON: Final = frozenset(KNOWN)


def allowed(wanted: str | None, registered: Iterable[str]) -> str | None:
    """Give what of `wanted` is registered; None if nothing is. What we do not know is ignored.

    Who asks for nothing gets all (RFC 6749, section 3.3) but `offline_access`, which is to be asked for.
    """
    if not wanted:
        return " ".join(scope for scope in registered if scope != OFFLINE)
    # In the order of the request, each once (OpenID Connect Core, section 3.1.2.1: unknown ones are ignored).
    granted = [scope for scope in dict.fromkeys(wanted.split()) if scope in set(registered)]
    return " ".join(granted) if granted else None


def within(wanted: str | None, granted: str) -> str | None:
    """Give `wanted` if it is no more than `granted`, which is given if nothing is wanted; else None."""
    if not wanted:
        return granted
    asked = list(dict.fromkeys(wanted.split()))
    return " ".join(asked) if asked and set(asked) <= set(granted.split()) else None
