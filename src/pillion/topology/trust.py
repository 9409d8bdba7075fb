"""What is said of other issuers: their names, addresses and claims."""

import re
from typing import Final
from urllib.parse import urlsplit

from pillion import vocabulary
from pillion.topology.fitness import unfit
from pillion.topology.origin import is_this_machine
from pillion.topology.words import parse_name

# The name of Pillion's own issuer in an Envoy, and what leads the ids of this mesh's services.
_OWN: Final = ("pillion", vocabulary.SPIFFE)
_LONGEST: Final = 1000
# A name, or the way to one inside others; or a URL, which is one name (RFC 7519, section 4.2): Auth0 wants those.
CLAIM: Final = re.compile(
    r"[A-Za-z0-9_-]+(?:[.][A-Za-z0-9_-]+){0,4}|https?://[A-Za-z0-9._~:/-]{1,200}", re.ASCII
)
_VISIBLE: Final = re.compile("[!-~]+", re.ASCII)


def parse_issuer_name(written: str) -> str:
    """Read the short name of an issuer."""
    if written in _OWN:
        raise unfit("reserved-name", "{written} names what is this mesh's own")
    return parse_name(written)


def parse_issuer(written: str) -> str:
    """Read what a token says in `iss`: a URL without query and fragment (OpenID Connect Core 1.0, section 2)."""
    if not _is_url(written) or "?" in written:
        raise unfit(
            "bad-issuer",
            "{written} is no issuer: write what its tokens say in 'iss', as https://sso.example/realms/shop",
        )
    return written


def parse_keys_url(written: str) -> str:
    """Read where keys are published: by https, or on this machine. Who changes them on the way makes tokens."""
    if not _is_url(written):
        raise unfit(
            "bad-issuer",
            "{written} is no address of keys: look for 'jwks_uri' in the issuer's OpenID configuration",
        )
    parts = urlsplit(written)
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        raise unfit("bad-issuer", "{written} could be changed on its way: http is for this machine only")
    return written


def parse_audience(written: str) -> str:
    """Read what a token says in `aud` (RFC 7519, section 4.1.3)."""
    if not _VISIBLE.fullmatch(written) or len(written) > _LONGEST:
        raise unfit("bad-audience", "{written} is no audience: write what the issuer's tokens say in 'aud'")
    return written


def parse_claim(written: str) -> str:
    """Read the name of a claim, or the way to one inside another."""
    if not CLAIM.fullmatch(written):
        raise unfit(
            "bad-claim",
            "{written} is no claim: a name of A-Z, a-z, 0-9, '_', '-', or some with dots between, or a URL",
        )
    return written


def claim_path(claim: str) -> tuple[str, ...]:
    """Split a claim into the names that lead to it; a URL is one name."""
    return (claim,) if ":" in claim else tuple(claim.split("."))


def _is_url(written: str) -> bool:
    if "@" in written:
        raise unfit("bad-issuer", "no address here holds a user or a password: issuers and keys are public")
    try:
        parts = urlsplit(written)
        port_is_one = parts.port != 0
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "#" not in written
        and port_is_one
        and bool(_VISIBLE.fullmatch(written))
        and len(written) <= _LONGEST
    )
