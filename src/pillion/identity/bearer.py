"""Whose a token of ours is, for those of identity's own pages that are asked with one."""

import re
import time
from typing import Final, NamedTuple
from uuid import UUID

from pillion.identity import issue, keys, tokens
from pillion.identity.refusal import not_signed_in

# RFC 9110, section 11.1: the scheme's name is case-insensitive. RFC 6750, section 2.1: one token, no more.
_BEARER: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/=-]+)")


class Bearer(NamedTuple):
    """The session and the user that a token speaks of."""

    sid: UUID
    sub: UUID


def in_header(authorization: str) -> Bearer:
    """Read an Authorization header; raises Refusal (401) unless it holds one good token."""
    return in_token(token_in(authorization))


def token_in(authorization: str) -> str:
    """Give the token of an Authorization header, good or not; raises Refusal (401) unless it holds one."""
    found = _BEARER.fullmatch(authorization)
    if found is None:
        raise not_signed_in("Send one bearer token.", error="invalid_request")
    return found[1]


def in_token(token: str) -> Bearer:
    """Read a token; raises Refusal (401) unless it is good."""
    try:
        claims = tokens.verify(token, keys.public_keys(), issue.realm(), now=int(time.time()))
        return Bearer(UUID(claims["sid"]), UUID(claims["sub"]))
    except (tokens.InvalidTokenError, ValueError) as error:
        why = error if isinstance(error, tokens.InvalidTokenError) else "it does not say whose it is"
        raise not_signed_in(f"The token is refused: {why}.", error="invalid_token") from None
