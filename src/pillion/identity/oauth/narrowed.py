"""What is left of a grant whose client has been narrowed since: it may ask for less, and so it gets less."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from authlib.oauth2.rfc6749 import InvalidGrantError

from pillion.identity.models import OAuthClient, OAuthGrant
from pillion.identity.oauth import scopes

_NOTHING: Final = "The client may not have any more what was granted. Ask for it again."


class Left(NamedTuple):
    """What a client may have still of what it was granted."""

    scope: str
    audiences: tuple[str, ...]


def left(scope: str, audiences: Iterable[str], client: OAuthClient) -> Left:
    """Give what a client is registered for still; raises InvalidGrantError if that is nothing.

    No scope at all is never what is left: a token without any is not held back by scopes.
    """
    mine = [one for one in scope.split() if one in client.scopes]
    for_whom = tuple(one for one in audiences if one in client.audiences)
    if (scope and not mine) or not for_whom:
        raise InvalidGrantError(_NOTHING)
    return Left(" ".join(mine), for_whom)


def of_grant(grant: OAuthGrant) -> Left:
    """Likewise of a grant; one that lasts while nobody is there ends where its client may not have such ones."""
    if scopes.OFFLINE in grant.scope.split() and scopes.OFFLINE not in grant.client.scopes:
        raise InvalidGrantError(_NOTHING)
    return left(grant.scope, grant.audiences, grant.client)
