"""For whom a token is good: the mesh, unless the client asks for another audience that it is registered for."""

from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from django.conf import settings

from pillion.identity.models import OAuthClient


class InvalidTargetError(OAuth2Error):  # type: ignore[misc]
    """RFC 8707, section 2."""

    error = "invalid_target"
    description = "The client may not ask for a token for that resource."


def granted(request: Any, client: OAuthClient) -> list[str]:
    """Give the audiences that an authorization request asks for: of all it is registered for, if it names none.

    Raises InvalidTargetError for one that the client is not registered for.
    """
    wanted = asked(request)
    if not set(wanted) <= set(client.audiences):
        raise InvalidTargetError
    return wanted or list(client.audiences)


def of_token(request: Any, allowed: list[str]) -> str:
    """Give the one audience of a token: that which is asked for, else the mesh, else the only one.

    A token for several could be replayed by each to the others (RFC 8707, section 3). Raises InvalidTargetError.
    """
    wanted = asked(request)
    if len(wanted) > 1:
        raise InvalidTargetError("Ask for one resource at a time.")
    if wanted:
        if wanted[0] not in allowed:
            raise InvalidTargetError
        return wanted[0]
    if settings.PILLION.mesh in allowed:
        return str(settings.PILLION.mesh)
    if len(allowed) == 1:
        return allowed[0]
    raise InvalidTargetError("Say for which resource the token is to be.")


def asked(request: Any) -> list[str]:
    """Give what the request names, as `resource` or as `audience`, each once."""
    lists = request.payload.datalist
    return list(dict.fromkeys([*lists.get("resource", ()), *lists.get("audience", ())]))
