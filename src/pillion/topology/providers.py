"""What is said of identity providers, by which people sign in: which there are, and what each is told."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from pillion import vocabulary
from pillion.topology.address import text
from pillion.topology.fitness import unfit
from pillion.topology.origin import is_this_machine
from pillion.topology.trust import parse_issuer
from pillion.topology.words import parse_role

# Known by their names alone; every other name is a provider of OpenID Connect, found by its issuer.
GOOGLE: Final = "google"
MICROSOFT: Final = "microsoft"
FACEBOOK: Final = "facebook"
GITHUB: Final = "github"
KNOWN: Final = {GOOGLE: "Google", MICROSOFT: "Microsoft", FACEBOOK: "Facebook", GITHUB: "GitHub"}
# Those speak a dialect of OAuth 2, in which there are no claims that roles could come from.
WITHOUT_CLAIMS: Final = frozenset({FACEBOOK, GITHUB})
# Who may sign in at Microsoft: everybody, everybody's companies and schools, or everybody at home.
EVERYBODY: Final = ("common", "organizations", "consumers")

# Where an answer of the provider comes back to; registered there.
CALLBACK: Final = "/sign-in/with/{name}/callback"

_LONGEST_ISSUER: Final = 200
_LONGEST: Final = 1000
_LONGEST_TITLE: Final = 40
_LONGEST_GROUP: Final = 256
_VISIBLE: Final = re.compile("[!-~]+", re.ASCII)
_TENANT: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,200}", re.ASCII)  # RFC 6749, section 3.3


def parse_provider_issuer(written: str) -> str:
    """Read who a provider says it is; what it says of itself and its keys is fetched below that."""
    parse_issuer(written)
    parts = urlsplit(written)
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        raise unfit("bad-issuer", "{written} could be changed on its way: http is for this machine only")
    if len(written) > _LONGEST_ISSUER:
        raise unfit("bad-issuer", f"{{written}} is longer than {_LONGEST_ISSUER} characters")
    return written


def parse_client_id(written: str) -> str:
    """Read the name by which a provider knows this mesh (RFC 6749, section 2.2)."""
    if not _VISIBLE.fullmatch(written) or len(written) > _LONGEST:
        raise unfit("bad-client", "{written} is no client id: copy what the provider has given you")
    return written


def parse_client_secret(value: Any) -> SecretStr:
    """Read what the mesh proves itself with to a provider. No message quotes it."""
    if isinstance(value, SecretStr):
        return value
    written = text(value)
    if not _VISIBLE.fullmatch(written) or len(written) > _LONGEST:
        raise unfit(
            "bad-client", "this is no client secret: it holds a blank or a line end, or more than it may"
        )
    return SecretStr(written)


def parse_tenant(written: str) -> str:
    """Read whose people may sign in at Microsoft."""
    if written not in EVERYBODY and not _TENANT.fullmatch(written.lower()):
        raise unfit(
            "bad-tenant",
            "{written} is no tenant: write its id, as 5c7d2a9e-0d3b-4a53-9b1c-1f1f6b1f2c3d, or "
            f"one of {', '.join(EVERYBODY)}",
        )
    return written.lower()


def parse_title(written: str) -> str:
    """Read the words of a button."""
    if not written.isprintable() or written != written.strip() or not 0 < len(written) <= _LONGEST_TITLE:
        raise unfit(
            "bad-title",
            f"{{written}} is no title: 1 to {_LONGEST_TITLE} characters on one line, no blank around",
        )
    return written


def parse_scope(written: str) -> str:
    """Read one scope (RFC 6749, section 3.3)."""
    if not _SCOPE.fullmatch(written):
        raise unfit("bad-scope", "{written} is not one scope: write each by itself, as [groups, profile]")
    return written


def parse_given_role(written: str) -> str:
    """Read a role that a group stands for; Pillion's own are given by hand alone, as to whom a file names."""
    if written.startswith(vocabulary.OWN_ROLES):
        raise unfit("bad-role", "{written} is one of Pillion's own roles: 'pillion user roles' gives those")
    return parse_role(written)


def parse_group(written: str) -> str:
    """Read the name of a group, as the provider writes it."""
    if not written.isprintable() or not 0 < len(written) <= _LONGEST_GROUP:
        raise unfit("bad-group", f"{{written}} is no group: 1 to {_LONGEST_GROUP} characters on one line")
    return written
